import { Argument, Command } from "@commander-js/extra-typings";
import { completionScript, shells } from "../completion/scripts.js";
import type { Context } from "../context.js";

export function completionCommand({ around }: Context) {
  return new Command("completion")
    .summary("completion for bash, zsh or fish")
    .description(
      "Prints what makes a shell complete commands, options, sources and readers: `source <(apispool completion bash)` in ~/.bashrc, " +
        "the same with zsh in ~/.zshrc behind compinit, `apispool completion fish | source` in ~/.config/fish/config.fish.",
    )
    .addArgument(new Argument("<shell>", "the shell").choices(shells))
    .action((shell) => around.out(completionScript(shell, around.self)));
}
