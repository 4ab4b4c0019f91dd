import { describe, expect, it } from 'vitest'
import { AddressPolicy } from './address.js'

const isAllowed = (address: string, allow: boolean | string[] = false) =>
  new AddressPolicy(allow).allows(address)

describe('AddressPolicy', () => {
  it.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.9.9.9',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '64:ff9b::7f00:1',
    'fc00::1',
    'fd12::1',
    'fe80::1',
    'ff02::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '2001::1',
  ])('refuses %s', (address) => {
    expect(isAllowed(address)).toBe(false)
  })

  it.each(['1.1.1.1', '172.32.0.1', '192.169.0.1', '223.255.255.255', '2606:4700::1111', '2a00:1450::1'])(
    'allows %s',
    (address) => {
      expect(isAllowed(address)).toBe(true)
    },
  )

  it('allows what it is told to, and nothing else', () => {
    expect(isAllowed('127.0.0.1', true)).toBe(true)
    expect(isAllowed('10.2.3.4', ['10.2.0.0/16'])).toBe(true)
    expect(isAllowed('10.3.3.4', ['10.2.0.0/16'])).toBe(false)
    expect(isAllowed('::1', ['::1'])).toBe(true)
    expect(() => new AddressPolicy(['localhost'])).toThrow(/localhost is neither/)
    expect(() => new AddressPolicy(['10.0.0.0/99'])).toThrow(/10.0.0.0\/99/)
  })

  it('refuses a host of which one address is private', async () => {
    const policy = new AddressPolicy(false, async () => [
      { address: '1.1.1.1', family: 4 },
      { address: '10.0.0.1', family: 4 },
    ])
    await expect(policy.resolve('mixed.example')).rejects.toThrow(
      /mixed.example \(10.0.0.1\) is not a public/,
    )
    await expect(new AddressPolicy(false).resolve('[::1]')).rejects.toThrow(/not a public/)
  })
})
