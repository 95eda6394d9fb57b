// Makes text from elsewhere (an API, a bucket, a file name) safe to print: characters that could move the cursor, hide text or
// reverse its direction are shown instead of obeyed.

/** Control and format characters (Unicode Cc and Cf, bidi controls among them), and separators of lines. */
const unseen = /[\p{Cc}\p{Cf}\u2028\u2029]/gu

const control = /\p{Cc}/u
const controls = /\p{Cc}+/gu

/** True if a text contains a control character (Unicode Cc: C0, DEL and C1). */
export function hasControls(text: string): boolean {
  return control.test(text)
}

/** All but tab and newline. This form is as fast as a list of ranges; a lookahead takes five times as long. */
const exceptLayout = /[^\P{Cc}\t\n]/gu

/** The index of the first control character from `start` on, other than tab and newline; the text's length if there is none. */
export function findControl(text: string, start = 0): number {
  exceptLayout.lastIndex = start
  return exceptLayout.exec(text)?.index ?? text.length
}

/** Escape sequences of ECMA-48: control sequences, strings with their terminator, and short ones such as ESC c. */
const escapes = new RegExp(
  String.raw`\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)|[ -/]*[0-Z\\^-~])`,
  'g',
)

/** The text without escape sequences, for text that is complete; createScreenText in console/ takes it in pieces. */
export function stripEscapes(text: string): string {
  return text.replaceAll(escapes, '')
}

/** The text with each run of control characters replaced. */
export function replaceControls(text: string, by: string): string {
  return text.replaceAll(controls, by)
}

/** Dim on and off (ECMA-48, SGR 2 and 22), which the console uses, and which are harmless in any text. */
const styles = new RegExp(String.raw`(\u001b\[22?m)`)

function escapeOf(character: string): string {
  return `\\u{${character.codePointAt(0)?.toString(16)}}`
}

/** The text with its line breaks kept and every other invisible character escaped, such as `\\u{1b}`. */
export function showUnseen(text: string): string {
  return text
    .split(styles)
    .map((part) =>
      styles.test(part)
        ? part
        : part.replaceAll(unseen, (character) => (character === '\n' ? character : escapeOf(character))),
    )
    .join('')
}

/** The text on one line: white space becomes a space, and every other invisible character is escaped. */
export function plainText(text: string): string {
  return text.replaceAll(/[\t\n\v\f\r\u2028\u2029]+/g, ' ').replaceAll(unseen, escapeOf)
}

/** JSON on one line with every invisible character escaped: safe on a terminal, with equal values. */
export function plainJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(unseen, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )
}
