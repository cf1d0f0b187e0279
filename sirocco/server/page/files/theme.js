import { iconButton, icon } from './dom.js';
import { preferences } from './preferences.js';

const THEMES = [
  { name: 'system', label: "Colours: the system's" },
  { name: 'light', label: 'Colours: light' },
  { name: 'dark', label: 'Colours: dark' },
];

/** A button that goes from the system's colours to light ones, to dark ones and back. */
export function themeButton() {
  let current = Math.max(0, THEMES.findIndex(({ name }) => name === preferences.get('theme')));
  const button = iconButton(THEMES[current].name, '', () => {
    current = (current + 1) % THEMES.length;
    preferences.set('theme', THEMES[current].name);
    show();
  });
  const show = () => {
    const { name, label } = THEMES[current];
    if (name === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    button.replaceChildren(icon(name));
    button.setAttribute('aria-label', label);
    button.title = label;
  };
  show();
  return button;
}
