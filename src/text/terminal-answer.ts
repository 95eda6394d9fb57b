// Recognises input that a terminal generates by itself: answers to a program's queries, and reports of events that
// are not typing (xterm's ctlseqs, "Functions using CSI", "Operating System Commands").

const answers = [
  String.raw`\[\??\d+;\d+(?:;\d+)?R`, // cursor position
  String.raw`\[[?>=][\d;]*c`, // device attributes
  String.raw`\[\??[\d;]+n`, // status, colour scheme
  String.raw`\[[\d;]+t`, // size
  String.raw`\[\??\d+;\d\$y`, // mode
  String.raw`\[\?\d+u`, // keyboard reporting
  String.raw`\[[IO]`, // focus
  String.raw`\[20[01]~`, // start and end of a paste
  String.raw`\[<[\d;]+[Mm]`, // mouse
  String.raw`[\]P_][^\0-\x1f]*(?:\x07|\x1b\\)`, // colours, name, settings
]
const onlyAnswers = new RegExp(String.raw`^(?:\x1b(?:${answers.join('|')}))+$`)

/** True if a text consists only of such input. */
export function isTerminalAnswer(text: string): boolean {
  return onlyAnswers.test(text)
}
