import { describe, expect, it } from "@jest/globals";
import { isAllowedHost } from "./allowed-hosts.js";
import { isPrivateAddress } from "./private-addresses.js";

describe("private addresses", () => {
  it.each([
    "127.0.0.1",
    "127.255.0.9",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:a9fe:a9fe",
    "0:0:0:0:0:ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b::169.254.169.254",
    "2002:7f00:1::",
    "2002:c0a8:101::1",
    "not an address",
  ])("%s is one", (address) => {
    expect(isPrivateAddress(address)).toBe(true);
  });

  it.each([
    "8.8.8.8",
    "172.32.0.1",
    "100.128.0.1",
    "169.253.0.1",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
  ])("%s is none", (address) => {
    expect(isPrivateAddress(address)).toBe(false);
  });
});

describe("allowed hosts", () => {
  it.each([
    ["api.example.com", ["api.example.com"], true],
    ["api.example.com", ["API.Example.com."], true],
    ["api.example.com.", ["api.example.com"], true],
    ["a.b.example.com", ["*.example.com"], true],
    ["example.com", ["*.example.com"], false],
    ["evilexample.com", ["*.example.com"], false],
    ["example.com.evil.net", ["example.com", "*.example.com"], false],
    ["xn--bcher-kva.example", ["bücher.example"], true],
    ["[::1]", ["::1"], true],
    ["api.example.com", [], false],
  ])("%s of %j: %s", (host, patterns, allowed) => {
    expect(isAllowedHost(host, patterns)).toBe(allowed);
  });
});
