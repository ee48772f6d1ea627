import { PollError } from "../poll-error.js";
import type { Piece } from "./interpolate.js";
import { type CompiledTemplate, compileTemplate, type TemplateContext } from "./template.js";
import { TemplateError } from "./template-parse.js";

/** What can stand in a header (RFC 9110, 5.5). */
const allowed = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;

/** Compiles a header's value: nothing that is filled in can begin another header. Throws TemplateError. */
export function compileHeader(pieces: readonly Piece[], context: TemplateContext): CompiledTemplate {
  const template = compileTemplate(pieces, context);
  if (template.constant && !allowed.test(template.render(noValues))) {
    throw new TemplateError("must be without line breaks and characters beyond Latin-1");
  }
  return {
    ...template,
    render(values) {
      const text = template.render(values);
      if (allowed.test(text)) return text;
      throw new PollError(`${context.label} fills in a line break or a character that a header cannot hold`, {
        kind: "config",
      });
    },
  };
}

const noValues = { cursor: undefined, lastPoll: undefined, now: 0, parent: undefined };
