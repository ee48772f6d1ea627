import { describe, expect, it } from "@jest/globals";
import { excerptOf } from "./error-excerpt.js";

describe("what an API says about why it refuses", () => {
  it.each([
    ['{"type":"about:blank","title":"Bad","detail":"No such field"}', "application/problem+json", "No such field"],
    ['{"message":"Bad credentials"}', "application/json", "Bad credentials"],
    ['{"error":{"code":7,"message":"Quota"}}', "", "Quota"],
    ['{"errors":[{"message":"first"},{"message":"second"}]}', "", "first"],
    ['{"error":"invalid_client","error_description":"Unknown client"}', "", "Unknown client"],
    [`{"message":"cut here","more":"${"x".repeat(3000)}`, "application/json", "cut here"],
    ["<html><head><title>502 Bad\nGateway</title></head><body>x</body></html>", "text/html", "502 Bad Gateway"],
    ["<!doctype html><body><script>alert(1)</script><p>Log in</p>", "", "Log in"],
    ["plain\u0000 \u001b[31mtext\r\nX-Injected: 1", "text/plain", "plain [31mtext X-Injected: 1"],
    ["  \n", "text/plain", undefined],
    ["{}", "application/json", "{}"],
  ])("%j as %s: %s", (text, type, expected) => {
    expect(excerptOf(text, type)).toBe(expected);
  });

  it("is short", () => {
    expect(excerptOf("x".repeat(2000))).toHaveLength(200);
  });
});
