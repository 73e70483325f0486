// The versions of the servers that stand in for Temporal here: one each, whichever way it comes.

/** Temporal CLI, which holds the dev server and its Web UI; dev-server/go.mod names the same version. */
export const CLI_VERSION = '1.8.2';

/** The server inside that CLI. Another CLI fits when its server has the same major and minor version. */
export const SERVER_VERSION = '1.31.2';

/** The time-skipping test server; test-server/pom.xml names the same version. */
export const TEST_SERVER_VERSION = '1.38.0';
