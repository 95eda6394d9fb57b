// For npm run coverage: programs that a test starts write down which of their lines ran. Only they do: the test's own process
// has started already, and vitest counts its lines.
const folder = process.env['METALKIT_TEST_COVERAGE']
if (folder !== undefined) process.env['NODE_V8_COVERAGE'] = `${folder}/started`
