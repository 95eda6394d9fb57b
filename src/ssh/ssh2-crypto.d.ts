// Types that @types/ssh2 lacks.
declare module 'ssh2/lib/protocol/crypto.js' {
  /** `bindingAvailable`: whether ssh2's native part is present. */
  const crypto: { bindingAvailable: boolean }
  export default crypto
}
