/** The bytes of a file as a data: URL. @param {Blob} file */
export const urlOf = (file) => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.onerror = () => reject(reader.error);
  reader.readAsDataURL(file);
});

/**
 * Hands on the files that are pasted into a field or dropped on a target.
 * @param {{field: HTMLElement, target: Element}} where
 * @param {{takes: () => boolean, give: (files: File[]) => void}} to `takes`: whether any would be taken now
 */
export function receiveFiles({ field, target }, { takes, give }) {
  field.addEventListener('paste', (event) => {
    const files = [...event.clipboardData.files];
    if (!takes() || files.length === 0) return;
    event.preventDefault();
    give(files);
  });
  const holdsFiles = (event) => event.dataTransfer.types.includes('Files');
  target.addEventListener('dragover', (event) => {
    if (!holdsFiles(event)) return;
    // Otherwise the browser would leave the page for the file.
    event.preventDefault();
    event.dataTransfer.dropEffect = takes() ? 'copy' : 'none';
    target.classList.toggle('dropping', takes());
  });
  target.addEventListener('dragleave', (event) => {
    if (!target.contains(event.relatedTarget)) target.classList.remove('dropping');
  });
  target.addEventListener('drop', (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    target.classList.remove('dropping');
    give([...event.dataTransfer.files]);
  });
}

/** A button that asks for files of those kinds, by a chooser of that name. */
export function chooseFiles(button, { accept, label, field }, give) {
  const chooser = document.createElement('input');
  Object.assign(chooser, { type: 'file', accept: accept.join(','), multiple: true, hidden: true });
  chooser.setAttribute('aria-label', label);
  button.after(chooser);
  button.addEventListener('click', () => chooser.click());
  chooser.addEventListener('change', () => {
    const files = [...chooser.files];
    chooser.value = '';
    give(files);
    field.focus();
  });
}
