// What @types/ssh2 leaves out.
declare module 'ssh2/lib/protocol/crypto.js' {
  /** `bindingAvailable`: whether ssh2's compiled part is there. */
  const crypto: { bindingAvailable: boolean }
  export default crypto
}
