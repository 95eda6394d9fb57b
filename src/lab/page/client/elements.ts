// Finds elements of the page by id, and creates new ones.

/** Finds an element by id; the page's HTML has all of them. */
export function element(id: string): HTMLElement {
  const match = document.getElementById(id)
  if (match === null) throw new Error(`the page has no #${id}`)
  return match
}

/** Creates an element; text is never parsed as HTML. */
export function create(tag: string, attributes: Record<string, string>, ...children: (Node | string)[]): HTMLElement {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  made.append(...children)
  return made
}

/** Sets a text only if it has changed, so that selections stay. */
export function setText(id: string, text: string): void {
  const target = element(id)
  if (target.textContent !== text) target.textContent = text
}
