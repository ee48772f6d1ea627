// Tests run on what `tsc -b` built: the code that ships, its types checked.
const common = { testEnvironment: "<rootDir>/test/node-environment.mjs", transform: {}, rootDir: import.meta.dirname };

export default {
  projects: [
    {
      ...common,
      displayName: "unit",
      testMatch: [
        "<rootDir>/{packages,services,apps}/*/dist/**/*.test.js",
        "<rootDir>/bench/dist/**/*.test.js",
        // What crosses services and needs no Kafka.
        "<rootDir>/test/dist/unit/**/*.test.js",
      ],
      testPathIgnorePatterns: ["\\.integration\\.test\\.js$"],
    },
    {
      ...common,
      displayName: "integration",
      testMatch: [
        "<rootDir>/{packages,services,apps,test}/**/dist/**/*.integration.test.js",
        "<rootDir>/test/dist/**/*.test.js",
      ],
      testPathIgnorePatterns: ["/node_modules/", "<rootDir>/test/dist/unit/"],
      globalSetup: "<rootDir>/test/dist/global-setup.js",
      globalTeardown: "<rootDir>/test/dist/global-teardown.js",
    },
  ],
  coverageProvider: "v8",
  testTimeout: 60_000,
};
