import { TestEnvironment } from "jest-environment-node";

/** Takes Node's own errors for `instanceof Error`: jest's vm context has an Error of its own. */
export default class NodeErrorsEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    const inner = this.global.Error;
    const ordinary = Function.prototype[Symbol.hasInstance];
    Object.defineProperty(inner, Symbol.hasInstance, {
      value(value) {
        return ordinary.call(this, value) || (this === inner && value instanceof Error);
      },
    });
  }
}
