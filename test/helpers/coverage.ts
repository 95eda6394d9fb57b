// For npm run coverage: programs that a test starts record which of their lines ran. This does not apply to the test's own
// process: it has started already, and vitest counts its lines.
const folder = process.env['METALKIT_TEST_COVERAGE']
if (folder !== undefined) process.env['NODE_V8_COVERAGE'] = `${folder}/started`
