import { type LookupAddress, lookup } from 'node:dns'
import { BlockList, isIP, isIPv4 } from 'node:net'
import { DataError } from '../../document.js'

/** What is not for the public (IANA special-purpose registry, IPv4). */
const NOT_PUBLIC: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
]
/** Within 2000::/3, which alone is public: tunnels (which lead to any IPv4 address) and documentation. */
const NOT_PUBLIC_6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]

export type Resolve = (host: string) => Promise<LookupAddress[]>

const resolveHost: Resolve = (host) =>
  new Promise((done, fail) => {
    lookup(host, { all: true, verbatim: true }, (error, found) => (error ? fail(error) : done(found)))
  })

/** A request that may not be made. */
export class AddressRefused extends Error {}

/** Which addresses may be connected to: public ones, and those that were allowed. */
export class AddressPolicy {
  readonly #all: boolean
  readonly #allowed = new BlockList()
  readonly #refused = new BlockList()
  readonly #public6 = new BlockList()
  readonly #resolve: Resolve

  /** @throws DataError for an address or a subnet that is none */
  constructor(allowPrivate: boolean | readonly string[], resolve: Resolve = resolveHost) {
    this.#all = allowPrivate === true
    this.#resolve = resolve
    for (const [net, prefix] of NOT_PUBLIC) this.#refused.addSubnet(net, prefix, 'ipv4')
    for (const [net, prefix] of NOT_PUBLIC_6) this.#refused.addSubnet(net, prefix, 'ipv6')
    this.#public6.addSubnet('2000::', 3, 'ipv6')
    for (const entry of typeof allowPrivate === 'boolean' ? [] : allowPrivate) {
      const [address = '', prefix] = entry.split('/')
      try {
        const family = isIPv4(address) ? 'ipv4' : 'ipv6'
        if (isIP(address) === 0) throw new RangeError('not an address')
        if (prefix === undefined) this.#allowed.addAddress(address, family)
        else this.#allowed.addSubnet(address, Number(prefix), family)
      } catch (error) {
        const message = `allowPrivate: ${entry} is neither an address nor a subnet such as 10.0.0.0/8`
        throw new DataError('data-option', message, { cause: error })
      }
    }
  }

  allows(address: string): boolean {
    if (this.#all) return true
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    if (this.#allowed.check(address, family)) return true
    if (this.#refused.check(address, family)) return false
    return family === 'ipv4' || this.#public6.check(address, 'ipv6')
  }

  /**
   * The addresses of a host, all of them allowed. A connection is made to exactly these: a name that is resolved again could
   * lead elsewhere the second time (DNS rebinding).
   *
   * @throws AddressRefused when one of them is not allowed
   */
  async resolve(host: string): Promise<LookupAddress[]> {
    const bare = host.replace(/^\[|\]$/g, '')
    const family = isIP(bare)
    const found = family !== 0 ? [{ address: bare, family }] : await this.#resolve(bare)
    for (const { address } of found) {
      if (this.allows(address)) continue
      const which = address === bare ? bare : `${bare} (${address})`
      throw new AddressRefused(`${which} is not a public address; allowPrivate can allow it`)
    }
    if (found.length === 0) throw new Error(`${bare} has no address`)
    return found
  }
}
