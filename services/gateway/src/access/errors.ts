import { Code, type ConnectError } from "@connectrpc/connect";
import { rpcError } from "@apispool/common/errors.js";

/** Nobody was named, or what was shown does not hold. The text never says which part of it is wrong to whom it does not concern. */
export function unauthenticated(message: string): ConnectError {
  return rpcError(Code.Unauthenticated, "UNAUTHENTICATED", message);
}

export function denied(message: string): ConnectError {
  return rpcError(Code.PermissionDenied, "PERMISSION_DENIED", message);
}

/** `retryAfterMs`: when there is room again. */
export function rateLimited(message: string, retryAfterMs: number): ConnectError {
  return rpcError(Code.ResourceExhausted, "RATE_LIMITED", message, { retryAfterMs });
}
