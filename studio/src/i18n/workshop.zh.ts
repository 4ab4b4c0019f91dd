import type { Dictionary } from './index.js'
import type { workshop as english } from './workshop.en.js'

/** 训练、数据、模型与设置页面的文字。 */
export const workshop = {
  'train.title': '训练',
  'data.title': '数据',
  'models.title': '模型',
  'settings.title': '设置',
} satisfies Dictionary<typeof english>
