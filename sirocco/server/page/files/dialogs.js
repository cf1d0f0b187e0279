import { element, iconButton, textButton } from './dom.js';

let dialogsMade = 0;

/** A modal dialog; gone from the page when it is closed. The browser keeps the focus in it and gives it back. */
export function dialog({ title, content, kind = 'small', onclose = () => {} }) {
  // One may stand over another.
  const id = `dialog-title-${(dialogsMade += 1)}`;
  const heading = element('h2', { id }, title);
  const box = element('dialog', { class: `dialog ${kind}`, 'aria-labelledby': id },
    element('div', { class: 'dialog-top' }, heading, iconButton('close', 'Close', () => box.close())),
    ...[content].flat());
  box.addEventListener('close', () => {
    box.remove();
    onclose();
  });
  // A click beside it closes it.
  box.addEventListener('pointerdown', (event) => {
    if (event.target === box) box.close();
  });
  document.body.append(box);
  box.showModal();
  return box;
}

/** A dialog with a form. @returns {Promise<boolean>} whether it was submitted */
function ask({ title, content, submit, onsubmit }) {
  return new Promise((resolve) => {
    let done = false;
    const form = element('form', {
      class: 'dialog-form',
      onsubmit: (event) => {
        event.preventDefault();
        onsubmit();
        done = true;
        box.close();
      },
    }, ...content, element('div', { class: 'dialog-buttons' },
      textButton('Cancel', () => box.close()),
      element('button', { type: 'submit', class: 'button main-button' }, submit)));
    const box = dialog({ title, content: form, onclose: () => resolve(done) });
  });
}

/** Asks for a line of text; null when there is none. */
export async function askText({ title, label, value, submit, longest = 200 }) {
  const field = element('input', { type: 'text', value, maxlength: longest, required: true, autofocus: true, autocomplete: 'off' });
  let given = null;
  await ask({
    title, submit, content: [element('label', { class: 'field' }, label, field)],
    onsubmit: () => {
      given = field.value.trim() || null;
    },
  });
  return given;
}

/** Asks for the server's key. @returns {Promise<{key: string, remember: boolean} | null>} */
export async function askKey({ refused }) {
  const field = element('input', { type: 'password', required: true, autofocus: true, autocomplete: 'off', spellcheck: 'false' });
  const remember = element('input', { type: 'checkbox' });
  let given = null;
  await ask({
    title: 'API key', submit: 'Use this key',
    content: [
      element('p', { role: refused && 'alert' }, refused ? "The server doesn't know that key." : 'This server wants an API key.'),
      element('label', { class: 'field' }, 'Key', field),
      element('label', { class: 'check' }, remember, 'Remember it in this browser'),
    ],
    onsubmit: () => {
      given = { key: field.value.trim(), remember: remember.checked };
    },
  });
  return given;
}

const SHORTCUTS = [
  [['Enter'], 'Send'],
  [['Shift', 'Enter'], 'New line'],
  [['Esc'], 'Stop the answer; leave an edit or a dialog'],
  [['↑'], 'Edit your last message, from an empty field'],
  [['/'], 'To the message field'],
  [['Ctrl', 'Shift', 'O'], 'New conversation'],
  [['Ctrl', 'K'], 'Search conversations'],
  [['Ctrl', 'B'], 'Show or hide conversations'],
  [['G'], 'Gallery of the pictures that were drawn'],
  [['?'], 'These shortcuts'],
];

export function showShortcuts() {
  dialog({
    title: 'Keyboard shortcuts',
    content: element('dl', { class: 'shortcuts' }, ...SHORTCUTS.flatMap(([keys, what]) => [
      element('dt', {}, ...keys.flatMap((key, i) => [i > 0 && ' ', element('kbd', {}, key)])),
      element('dd', {}, what),
    ])),
  });
}
