// What a terminal says by itself, among what is typed at it: answers to what a program asks of it, and reports of events that
// are no typing (xterm's ctlseqs, "Functions using CSI", "Operating System Commands").

const answers = [
  String.raw`\[\??\d+;\d+(?:;\d+)?R`, // where the cursor is
  String.raw`\[[?>=][\d;]*c`, // what it is: device attributes
  String.raw`\[\??[\d;]+n`, // how it is, its colour scheme
  String.raw`\[[\d;]+t`, // its size
  String.raw`\[\??\d+;\d\$y`, // a mode
  String.raw`\[\?\d+u`, // how it reports keys
  String.raw`\[[IO]`, // the focus
  String.raw`\[20[01]~`, // where something pasted begins and ends
  String.raw`\[<[\d;]+[Mm]`, // the mouse
  String.raw`[\]P_][^\0-\x1f]*(?:\x07|\x1b\\)`, // colours, its name, its settings
]
const onlyAnswers = new RegExp(String.raw`^(?:\x1b(?:${answers.join('|')}))+$`)

/** Whether a text is such, and nothing else. */
export function isTerminalAnswer(text: string): boolean {
  return onlyAnswers.test(text)
}
