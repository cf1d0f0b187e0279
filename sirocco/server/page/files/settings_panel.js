import { beginnings } from './preferences.js';
import { dialog } from './dialogs.js';
import { element, textButton } from './dom.js';
import { DRAWING_SETTINGS, SETTINGS, readSetting } from './sampling.js';

/**
 * The settings of a conversation, at the side. What is written counts at once; what is wrong is told and doesn't count.
 * @param {{system: string, sampling: Record<string, number>, drawing: Record<string, string | number>}} settings is changed
 * @param {{draws: boolean, onchange: () => void, keyForgotten: (() => void) | null, say: (text: string) => void}} options `draws`: they are
 *   of a model that makes pictures
 */
export function showSettings(settings, { draws, onchange, keyForgotten, say }) {
  const system = element('textarea', {
    rows: '5', class: 'system', placeholder: 'None', spellcheck: 'true',
    oninput: () => {
      settings.system = system.value;
      onchange();
    },
  });
  system.value = settings.system;
  const member = draws ? 'drawing' : 'sampling';
  const rows = (draws ? DRAWING_SETTINGS : SETTINGS).map((setting) => settingRow(setting, () => settings[member], onchange));
  const reset = textButton("The model's own", () => {
    settings[member] = {};
    rows.forEach((row) => row.clear());
    onchange();
    say("All values are the model's own.");
  });
  const keep = textButton('Keep for new conversations', () => {
    beginnings.set(settings);
    say('New conversations begin with these settings.');
    keep.textContent = 'Kept';
  });
  dialog({
    title: 'Settings', kind: 'side',
    content: element('div', { class: 'settings' },
      !draws && element('label', { class: 'field' }, 'System prompt', system),
      element('fieldset', {}, element('legend', {}, draws ? 'Drawing' : 'Sampling'),
        element('p', { class: 'quiet' }, "Without a value: the model's own."), ...rows.map((row) => row.element)),
      element('div', { class: 'dialog-buttons' }, reset, keep),
      keyForgotten && element('div', { class: 'dialog-buttons' }, textButton('Forget the API key', keyForgotten))),
  });
}

let rowsMade = 0;

/** @param {() => object} values where the value is kept now */
function settingRow(setting, values, onchange) {
  const id = `setting-${(rowsMade += 1)}`;
  const problemBox = element('span', { class: 'problem', id: `${id}-problem`, role: 'alert' });
  const field = element('input', {
    type: 'text', inputmode: setting.size ? 'text' : setting.whole ? 'numeric' : 'decimal', id, placeholder: "model's own", autocomplete: 'off',
    'aria-describedby': `${id}-help ${id}-problem`,
    oninput: () => {
      const { value, problem } = readSetting(setting, field.value);
      problemBox.textContent = problem ? `${problem}.` : '';
      field.setAttribute('aria-invalid', String(Boolean(problem)));
      if (problem || value === undefined) delete values()[setting.name];
      else values()[setting.name] = value;
      onchange();
    },
  });
  field.value = values()[setting.name] ?? '';
  return {
    element: element('div', { class: 'setting' },
      element('label', { for: id }, setting.label),
      field,
      element('span', { class: 'quiet', id: `${id}-help` }, setting.help),
      problemBox),
    clear() {
      field.value = '';
      problemBox.textContent = '';
      field.removeAttribute('aria-invalid');
    },
  };
}
