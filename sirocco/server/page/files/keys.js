/**
 * The page's shortcuts.
 * @param {{stop: () => void, begin: () => void, search: () => void, toggleSidebar: () => void, write: () => void, gallery: () => void,
 *   help: () => void}} actions
 */
export function watchKeys(actions) {
  document.addEventListener('keydown', (event) => {
    // A dialog has its own keys.
    if (event.isComposing || event.defaultPrevented || document.querySelector('dialog[open]')) return;
    const action = actionOf(event);
    if (!action) return;
    if (action !== 'stop') event.preventDefault();
    actions[action]();
  });
}

function actionOf({ key, ctrlKey, metaKey, shiftKey, altKey, target }) {
  const command = (ctrlKey || metaKey) && !altKey;
  if (key === 'Escape') return 'stop';
  if (command && shiftKey && key.toLowerCase() === 'o') return 'begin';
  if (command && !shiftKey && key.toLowerCase() === 'k') return 'search';
  if (command && !shiftKey && key.toLowerCase() === 'b') return 'toggleSidebar';
  // Letters are shortcuts only where nobody writes or chooses.
  if (ctrlKey || metaKey || altKey || target.closest('input, textarea, select')) return null;
  if (key === '/') return 'write';
  if (key === 'g') return 'gallery';
  return key === '?' ? 'help' : null;
}
