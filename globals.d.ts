// connect's declarations use this one name of the DOM library; the library itself would let browser globals compile.
type HeadersInit = ConstructorParameters<typeof Headers>[0];

// WebAssembly's declarations are in the DOM library, too. This is the part of them that is used.
declare namespace WebAssembly {
  interface Memory {
    readonly buffer: ArrayBuffer;
  }
  interface Global {
    readonly value: number;
  }
  const Module: new (bytes: Uint8Array) => object;
  const Instance: new (module: object) => { readonly exports: Readonly<Record<string, unknown>> };
}
