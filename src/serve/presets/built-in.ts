/** The presets that every server has, in English and Chinese. One of the same name in the database takes the place of a built-in one. */
import type { Preset } from '../../store/index.js'

export type BuiltIn = Omit<Preset, 'created' | 'updated' | 'user'>

const essay: BuiltIn = {
  name: 'essay',
  title: 'Essay',
  description: 'An essay about the topic of your message.',
  system: 'You write clear, well-ordered prose.',
  template:
    'Write an essay about this topic: {message}\n\nLength: about {words} words.\nTone: {tone}.\nReaders: {readers}.\nState a thesis, support it in ordered paragraphs, and end with a conclusion.',
  parameters: [
    { name: 'words', label: 'Words', description: 'From 50 to 3000', default: '400' },
    {
      name: 'tone',
      label: 'Tone',
      default: 'neutral',
      options: ['neutral', 'formal', 'personal', 'persuasive', 'humorous'],
    },
    { name: 'readers', label: 'Readers', description: 'For whom it is; may be left empty' },
  ],
  extra: {
    types: { words: { type: 'integer', minimum: 50, maximum: 3000 } },
    zh: {
      title: '作文',
      description: '就消息中的题目写一篇文章。',
      system: '你的文章条理清楚，语言通顺。',
      template:
        '请以此为题写一篇文章：{message}\n\n篇幅：约 {words} 字。\n语气：{tone}。\n读者：{readers}。\n先提出观点，再分段论证，最后总结。',
      parameters: {
        words: { label: '字数', description: '50 到 3000' },
        tone: {
          label: '语气',
          options: {
            neutral: '平实',
            formal: '正式',
            personal: '亲切',
            persuasive: '有说服力',
            humorous: '幽默',
          },
        },
        readers: { label: '读者', description: '写给谁看，可以不填' },
      },
    },
  },
}

const copywriting: BuiltIn = {
  name: 'copywriting',
  title: 'Copywriting',
  description: 'A text that advertises what your message describes.',
  system: 'You write advertising that is vivid and true. You claim nothing that you were not told.',
  template:
    'Write a {kind} for this product or service: {message}\n\nAudience: {audience}.\nTone: {tone}.\nUse only facts that are given above.',
  parameters: [
    {
      name: 'kind',
      label: 'Kind of text',
      default: 'product description',
      options: ['product description', 'slogan', 'social media post', 'newsletter', 'press release'],
    },
    { name: 'audience', label: 'Audience', description: 'May be left empty' },
    {
      name: 'tone',
      label: 'Tone',
      default: 'friendly',
      options: ['friendly', 'factual', 'enthusiastic', 'elegant'],
    },
  ],
  extra: {
    zh: {
      title: '文案',
      description: '为消息中描述的产品或服务写宣传文字。',
      system: '你写的文案生动而真实，不说没有依据的话。',
      template:
        '请为下面的产品或服务写一份{kind}：{message}\n\n受众：{audience}。\n语气：{tone}。\n只使用上面给出的事实。',
      parameters: {
        kind: {
          label: '类型',
          options: {
            'product description': '产品介绍',
            slogan: '广告语',
            'social media post': '社交媒体帖子',
            newsletter: '邮件推广',
            'press release': '新闻稿',
          },
        },
        audience: { label: '受众', description: '可以不填' },
        tone: {
          label: '语气',
          options: { friendly: '亲切', factual: '客观', enthusiastic: '热情', elegant: '雅致' },
        },
      },
    },
  },
}

const sentiment: BuiltIn = {
  name: 'sentiment',
  title: 'Sentiment',
  description: 'Whether the text of your message is positive, negative, neutral or mixed.',
  template:
    'Look only at what is said about {subject}.\nWhat is the sentiment of the text below? Answer with one word: positive, negative, neutral or mixed.\nText: {message}',
  parameters: [
    { name: 'subject', label: 'About', description: 'Judge only what is said about this; may be left empty' },
  ],
  sampling: { temperature: 0 },
  extra: {
    zh: {
      title: '情感分析',
      description: '判断消息中文字的情感：正面、负面、中性或混合。',
      template:
        '只看关于{subject}的内容。\n下面这段文字的情感是什么？只用一个词回答：正面、负面、中性或混合。\n文字：{message}',
      parameters: { subject: { label: '关于', description: '只判断关于它的内容，可以不填' } },
    },
  },
}

const translation: BuiltIn = {
  name: 'translation',
  title: 'Translation',
  description: 'The text of your message in another language.',
  system: 'You translate faithfully. You answer with the translation and nothing else.',
  template:
    'Translate the following text into {target}.\nStyle: {style}.\nKeep these terms as they are: {terms}.\n\n{message}',
  parameters: [
    { name: 'target', label: 'Into', required: true, default: 'Chinese' },
    { name: 'style', label: 'Style', default: 'natural', options: ['natural', 'literal', 'formal'] },
    { name: 'terms', label: 'Terms to keep', description: 'May be left empty' },
  ],
  sampling: { temperature: 0.3 },
  extra: {
    zh: {
      title: '翻译',
      description: '把消息中的文字译成另一种语言。',
      system: '你的翻译忠实于原文。只回答译文，不加任何说明。',
      template: '请把下面的文字译成{target}。\n风格：{style}。\n这些词保持原样：{terms}。\n\n{message}',
      parameters: {
        target: { label: '译成', default: '英文' },
        style: { label: '风格', options: { natural: '自然', literal: '直译', formal: '正式' } },
        terms: { label: '保留的词', description: '可以不填' },
      },
    },
  },
}

const summary: BuiltIn = {
  name: 'summary',
  title: 'Summary',
  description: 'What the text of your message says, in short.',
  system: 'You summarize faithfully: you add nothing that the text does not say.',
  template: 'Summarize the following text in {length}.\nPay most attention to: {focus}.\n\n{message}',
  parameters: [
    {
      name: 'length',
      label: 'Length',
      default: 'three sentences',
      options: ['one sentence', 'three sentences', 'one paragraph', 'five bullet points'],
    },
    { name: 'focus', label: 'Attention to', description: 'May be left empty' },
  ],
  sampling: { temperature: 0.3 },
  extra: {
    zh: {
      title: '摘要',
      description: '概括消息中的文字。',
      system: '你的概括忠实于原文，不添加原文没有的内容。',
      template: '请用{length}概括下面的文字。\n重点：{focus}。\n\n{message}',
      parameters: {
        length: {
          label: '篇幅',
          options: {
            'one sentence': '一句话',
            'three sentences': '三句话',
            'one paragraph': '一段话',
            'five bullet points': '五个要点',
          },
        },
        focus: { label: '重点', description: '可以不填' },
      },
    },
  },
}

/** The English form is one that Athanor's own assistant has learnt. */
const passageQuestion: BuiltIn = {
  name: 'passage-question',
  title: 'Question about a passage',
  description: 'Answers the question of your message from a passage, and says when it is not in there.',
  template: 'Passage: {passage}\nQuestion: {message}',
  parameters: [{ name: 'passage', label: 'Passage', required: true, multiline: true }],
  sampling: { temperature: 0 },
  extra: {
    zh: {
      title: '根据短文回答',
      description: '根据短文回答消息中的问题；短文没有提到时会说明。',
      system: '只根据短文回答。短文没有提到的，就说短文没有提到。',
      template: '短文：{passage}\n问题：{message}',
      parameters: { passage: { label: '短文' } },
    },
  },
}

export const BUILT_IN: ReadonlyMap<string, BuiltIn> = new Map(
  [essay, copywriting, sentiment, translation, summary, passageQuestion].map((preset) => [
    preset.name,
    preset,
  ]),
)
