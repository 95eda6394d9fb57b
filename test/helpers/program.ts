// The program as users run it, which the global setup has built.

/** Path of metalkit.cjs. */
export const program = process.env['METALKIT_TEST_PROGRAM'] ?? ''
