// Buttons that copy the text of an element.
import { element } from './elements.ts'

const shownMs = 1500

/** Copies an element's text. Browsers offer the clipboard only on localhost and over HTTPS; elsewhere the text is selected and copied. */
async function copyText(source: HTMLElement): Promise<boolean> {
  if (isSecureContext) {
    return navigator.clipboard.writeText(source.textContent).then(
      () => true,
      () => false,
    )
  }
  getSelection()?.selectAllChildren(source)
  // oxlint-disable-next-line typescript/no-deprecated -- the only way without a secure context
  return document.execCommand('copy')
}

/** Makes the buttons with `data-copy` work; the attribute is an element's id. */
export function startCopyButtons(): void {
  for (const button of document.querySelectorAll('[data-copy]')) {
    const source = element(button.getAttribute('data-copy') ?? '')
    let timer = 0
    const copy = async () => {
      button.textContent = (await copyText(source)) ? 'Copied' : 'Failed'
      clearTimeout(timer)
      timer = setTimeout(() => (button.textContent = 'Copy'), shownMs)
    }
    button.addEventListener('click', () => void copy())
  }
}
