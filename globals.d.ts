// connect's declarations use this one name of the DOM library; the library itself would let browser globals compile.
type HeadersInit = ConstructorParameters<typeof Headers>[0];
