import { Api } from './api.js';
import { App } from './app.js';
import { Composer } from './composer.js';
import { Notices } from './notices.js';
import { Sidebar } from './sidebar.js';
import { ThreadView } from './thread_view.js';
import { apiKey } from './preferences.js';
import { askText, showShortcuts } from './dialogs.js';
import { contextUsed, count } from './figures.js';
import { element, iconButton, saveFile } from './dom.js';
import { exported, imported, newOnes } from './transfer.js';
import { openStore } from './store.js';
import { showGallery } from './gallery.js';
import { showSettings } from './settings_panel.js';
import { themeButton } from './theme.js';
import { watchKeys } from './keys.js';

const part = (id) => document.getElementById(id);
const NEARLY_FULL = 0.9;

const notices = new Notices(part('notices'), part('live'));
const store = await openStore();
const app = new App({
  api: new Api(apiKey), store, notices, onchange: show, onpiece: (id, piece) => thread.append(id, piece), onlist: showList, onopen: showOpened,
});
const thread = new ThreadView({ scroller: part('thread'), list: part('messages'), toEnd: part('to-end') }, {
  regenerate: (message) => app.regenerate(message),
  edit: (message, text) => app.edit(message, text),
  remove: (message) => app.remove(message),
  turn: (message, step) => app.turn(message, step),
  drawFrom(picture) {
    composer.pictures.put(picture);
    composer.field.focus();
  },
});
const composer = new Composer({
  form: part('composer'), field: part('message'), send: part('send'), stop: part('stop'), hint: part('hint'), tray: part('tray'),
  attach: part('attach'), soundTray: part('sounds'), attachSound: part('attach-sound'), record: part('record'), target: document.querySelector('main'),
}, {
  send: (text, media) => app.send(text, media),
  tell: (problem) => notices.show(problem),
  stop: () => app.stop(),
  editLast() {
    const last = app.conversation.path().findLast(({ role }) => role === 'user');
    if (last && !app.generation) thread.edit(last.id);
  },
});
const sidebar = new Sidebar({
  page: part('page'), nav: part('sidebar'), main: document.querySelector('main'), scrim: part('scrim'), list: part('conversations'),
  search: part('search'), open: part('open-sidebar'), close: part('close-sidebar'),
}, {
  select: (id) => app.open(id),
  rename: async ({ id, title }) => {
    const given = await askText({ title: 'Rename', label: 'Title', value: title, submit: 'Rename' });
    if (given) app.rename(id, given);
  },
  save: async ({ id, title }) => saveConversations([await store.get(id)], title),
  remove: ({ id }) => app.removeConversation(id),
  find: (words) => store.find(words),
});

/** Brings everything up to what the app holds. */
function show({ sent = false } = {}) {
  const { conversation, generation, models, model } = app;
  thread.show(conversation, generation?.message.id ?? null);
  if (generation?.partial) thread.append(generation.message.id, { picture: generation.partial });
  if (sent) thread.scrollToEnd();
  part('title').textContent = conversation.title;
  document.title = conversation.isEmpty ? 'sirocco' : `${conversation.title} · sirocco`;
  part('welcome').hidden = !conversation.isEmpty;
  part('thread').classList.toggle('empty', conversation.isEmpty);
  showModels(models, model);
  composer.update({ ready: model !== null, writing: generation !== null, draws: model?.draws ?? false,
    pictures: model?.sees ? 'many' : model?.edits ? 'one' : 'none', hears: model?.hears ?? false });
  part('thread').classList.toggle('draws-from', model?.edits ?? false);
  showContext(conversation.path(), model);
}

function showModels(models, model) {
  const picker = part('model');
  picker.disabled = models.length === 0;
  const names = models.length > 0 ? models.map(({ id }) => id) : ['No model'];
  if (names.join('\n') !== [...picker.options].map(({ value }) => value).join('\n')) {
    picker.replaceChildren(...names.map((name, i) => element('option', { value: name }, models[i]?.draws ? `${name} (draws)` : name)));
  }
  if (model) picker.value = model.id;
  const wanted = app.conversation.model;
  const missing = models.length > 0 && wanted && !models.some(({ id }) => id === wanted);
  picker.title = missing ? `${wanted} isn't there; ${model.id} answers` : 'Model';
}

function showContext(path, model) {
  const used = contextUsed(path);
  part('context').hidden = used === null || !model?.context;
  if (part('context').hidden) return;
  const share = Math.min(1, used / model.context);
  const words = `${count(used)} of ${count(model.context)} tokens`;
  part('context-words').textContent = words;
  part('context').title = share >= NEARLY_FULL ? 'The context is nearly full: delete messages or begin anew' : 'Of the model\'s context';
  part('context').classList.toggle('nearly-full', share >= NEARLY_FULL);
  part('context-bar').style.width = `${share * 100}%`;
  const meter = part('context-track');
  meter.setAttribute('aria-valuemax', model.context);
  meter.setAttribute('aria-valuenow', Math.min(used, model.context));
  meter.setAttribute('aria-valuetext', words);
}

function showOpened() {
  thread.clear();
  show();
  thread.scrollToEnd();
  sidebar.update({ current: app.conversation.id });
  if (!sidebar.covers) composer.focus();
}

async function showList() {
  sidebar.update({ heads: await store.heads(), current: app.conversation.id, running: new Set(app.running.keys()) });
}

function saveConversations(records, title) {
  const name = title ? title.replace(/[^\p{L}\p{N}]+/gu, '-').slice(0, 40) : 'conversations';
  saveFile(`sirocco-${name}.json`, 'application/json', exported(records));
}

const chooser = element('input', { type: 'file', accept: '.json,application/json', hidden: true, 'aria-label': 'File of conversations' });
chooser.addEventListener('change', async () => {
  const [file] = chooser.files;
  chooser.value = '';
  if (!file) return;
  try {
    const records = imported(await file.text());
    const fresh = newOnes(records, new Map((await store.heads()).map(({ id, updated }) => [id, updated])));
    await store.put(...fresh);
    await showList();
    const there = records.length - fresh.length;
    notices.show(`${fresh.length} imported${there > 0 ? `, ${there} already there` : ''}.`);
    if (fresh.length === 1) app.open(fresh[0].id);
  } catch (problem) {
    notices.show(problem.message, { stays: true });
  }
});

function begin() {
  if (sidebar.covers) sidebar.setShown(false, false);
  app.begin();
}

function openGallery() {
  if (sidebar.covers) sidebar.setShown(false);
  showGallery(store, {
    open: async ({ conversation, message }) => {
      if (await app.openAt(conversation, message)) thread.reveal(message);
      else notices.show('The picture was deleted.');
    },
  });
}

function openSettings() {
  showSettings(app.conversation, {
    draws: app.model?.draws ?? false,
    onchange: () => app.settingsChanged(),
    say: (text) => notices.say(text),
    keyForgotten: apiKey.get() && (() => {
      apiKey.forget();
      location.reload();
    }),
  });
}

// By its address alone it would lead away from the conversation, whose address is the same part.
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  part('message').focus();
});
part('tools').append(
  iconButton('gallery', 'Gallery of pictures (G)', openGallery),
  iconButton('load', 'Import conversations', () => chooser.click()),
  iconButton('save', 'Export all conversations', async () => saveConversations(await store.all())),
  themeButton(),
  iconButton('keyboard', 'Keyboard shortcuts (?)', showShortcuts),
  chooser);
part('welcome').append(element('h2', {}, 'Ask anything'),
  element('p', { class: 'quiet' }, 'Answers come from this server. Conversations stay in this browser.'));
part('new').addEventListener('click', begin);
part('settings').addEventListener('click', openSettings);
part('model').addEventListener('change', (event) => app.chooseModel(event.target.value));

watchKeys({
  stop: () => app.stop(),
  begin,
  search: () => sidebar.startSearch(),
  toggleSidebar: () => sidebar.setShown(!sidebar.shown),
  write: () => part('message').focus(),
  gallery: openGallery,
  help: showShortcuts,
});

const openFromAddress = async () => {
  const id = location.hash.slice(1);
  if (id === app.conversation.id) return;
  if (!/^[\w-]+$/.test(id) || !(await app.open(id))) app.begin();
};
addEventListener('popstate', openFromAddress);
// Models come and go.
addEventListener('focus', () => app.models.length > 0 && app.loadModels());

if (!store.keeps) notices.show('This browser keeps nothing: conversations last until the page is closed.', { stays: true });
if (location.hash.length > 1) await openFromAddress();
else app.begin();
await showList();
await app.loadModels();
document.documentElement.dataset.ready = 'true';
