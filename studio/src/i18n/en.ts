import { workshop } from './workshop.en.js'

/** The texts in English; its keys are those of every language. `{n}` chooses between the forms of a plural. */
const studio = {
  'common.cancel': 'Cancel',
  'common.close': 'Close',
  'common.copied': 'Copied',
  'common.copy': 'Copy',
  'common.delete': 'Delete',
  'common.dismiss': 'Dismiss',
  'common.loading': 'Loading …',
  'common.more': 'More',
  'common.none': 'None',
  'common.retry': 'Try again',
  'common.save': 'Save',
  'common.send': 'Send',

  'shell.skip': 'Skip to content',
  'shell.menu': 'Menu',
  'shell.sidebar': 'Sidebar',
  'shell.navigation': 'Pages',
  'shell.theme': 'Theme',
  'shell.light': 'Light',
  'shell.dark': 'Dark',
  'shell.system': 'As the system',
  'shell.language': 'Language',
  'shell.shortcuts': 'Keyboard shortcuts',
  'shell.notFound': 'There is no such page',
  'shell.toChat': 'To the chat',
  'shell.failed': 'This page stumbled',
  'shell.reload': 'Reload',

  'nav.chat': 'Chat',
  'nav.compare': 'Compare',
  'nav.labeling': 'Labeling',
  'nav.playground': 'Playground',
  'nav.train': 'Train',
  'nav.data': 'Data',
  'nav.models': 'Models',
  'nav.settings': 'Settings',

  'keys.here': 'On this page',
  'keys.everywhere': 'Everywhere',
  'keys.send': 'Send the message',
  'keys.line': 'New line',
  'keys.stop': 'Stop the answer',
  'keys.newChat': 'New chat',
  'keys.search': 'Search conversations',
  'keys.focus': 'Write a message',
  'keys.rank': 'Put the focused answer on this place',
  'keys.move': 'Move the focused answer up or down',
  'keys.tie': 'Tie with the answer above',
  'keys.submit': 'Save the ranking',
  'keys.skip': 'Skip this task',
  'keys.run': 'Run',

  'key.title': 'API key',
  'key.text':
    'This server asks for a key. Whoever runs it can make one with “athanor keys create”, or in Settings.',
  'key.label': 'Key',
  'key.refused': 'The server does not accept this key.',
  'key.remember': 'Remember on this device',
  'key.rememberHint': 'Otherwise it is forgotten when you close the tab.',
  'key.use': 'Use this key',

  'error.network': 'The server cannot be reached. It may be starting, or it has been stopped.',
  'error.key': 'The server asks for a valid API key.',
  'error.forbidden': 'This key may not do that: {message}',
  'error.busy': 'Too much at once: {message}',
  'error.unknown': 'The server answered with status {status}.',

  'start.running': 'Training your first model',
  'start.stage': 'Training your first model: {stage}',
  'start.progress': 'Progress of the training',
  'start.watch': 'Watch',
} as const

export const en = { ...studio, ...workshop } as const

export type English = typeof en
