/**
 * A short list, in the open, of words that hardly stand in text one wants to learn from. It is meant to be replaced: see
 * `toxicity.words` of the settings.
 */
export const toxicWords = {
  en: [
    'porn',
    'porno',
    'pornography',
    'xxx',
    'hardcore sex',
    'fuck',
    'fucking',
    'fucked',
    'motherfucker',
    'cunt',
    'whore',
    'slut',
    'blowjob',
    'gangbang',
    'cumshot',
    'bukkake',
    'rape porn',
    'kill yourself',
    'kys',
    'subhuman',
    'white power',
    'heil hitler',
  ],
  zh: ['色情', '成人影片', '裸聊', '约炮', '援交', '操你妈', '傻逼', '婊子', '去死吧', '网络赌博', '六合彩'],
} as const
