/**
 * Hosts that a tool may reach, as its definition lists them, and hosts as a job spells them.
 *
 *     api.example.com   api.example.com:8443   *.example.org   93.184.215.14   [2606:4700:4700::1111]:853
 *
 * E1  Compared is one form: ASCII in lower case, without a dot at the end. A name of other letters is written in punycode.
 * E2  A name that some resolver might read as an address is no name, and an address is compared as an address.
 * E3  `*.` stands for one label or more in front of two or more; it never matches the name behind it.
 */
import { parseIp, type IpAddress } from './ip-address.js';
import { notPublicBecause } from './public-address.js';

/** The port of a pattern that names none. */
export const EGRESS_PORT_DEFAULT = 443;

const NAME_CHARS_MAX = 253;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** A last label like this makes resolvers read the whole as an IPv4 address. */
const NUMBER = /^(?:[0-9]+|0x[0-9a-f]*)$/;
const PORT = /^[1-9][0-9]{0,4}$/;
const PORT_MAX = 65_535;
const ASCII = /^[\x21-\x7e]+$/;

/** A host in its one form (E1, E2). */
export type Host =
  { readonly kind: 'name'; readonly name: string } | { readonly kind: 'address'; readonly ip: IpAddress };

export interface HostPattern {
  /** `below`: every name that ends in `.name`. */
  readonly host: Host | { readonly kind: 'below'; readonly name: string };
  readonly port: number;
}

/** The host that a job spells as `text`, or undefined for what is none. */
export const parseHost = (text: string): Host | undefined => {
  const ip = parseIp(text);
  if (ip !== undefined) return { kind: 'address', ip };
  const name = nameOf(text);
  return name === undefined ? undefined : { kind: 'name', name };
};

/** The pattern in `text`, or a sentence that says what is wrong with it. */
export const parseHostPattern = (text: string): HostPattern | string => {
  const cut = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(text);
  if (cut === null) return `'${text}' is not host, host:port, or an IPv6 address in brackets`;
  const [, spelled = '', digits] = cut;
  if (digits !== undefined && !(PORT.test(digits) && Number(digits) <= PORT_MAX))
    return `'${text}' has a port that is not a number from 1 to ${PORT_MAX}`;
  const host = patternHostOf(spelled);
  if (typeof host === 'string') return `'${text}' ${host}`;
  return { host, port: digits === undefined ? EGRESS_PORT_DEFAULT : Number(digits) };
};

/** Whether a pattern lets a job reach `host` at `port`. */
export const covers = (
  { host: allowed, port: allowedPort }: HostPattern,
  host: Host,
  port: number,
): boolean => {
  if (port !== allowedPort) return false;
  if (allowed.kind === 'address' || host.kind === 'address')
    return (
      allowed.kind === 'address' &&
      host.kind === 'address' &&
      allowed.ip.version === host.ip.version &&
      allowed.ip.value === host.ip.value
    );
  return allowed.kind === 'name' ? host.name === allowed.name : host.name.endsWith(`.${allowed.name}`);
};

const patternHostOf = (text: string): HostPattern['host'] | string => {
  if (text.startsWith('*')) return belowOf(text);
  const isBracketed = text.startsWith('[');
  const host = parseHost(isBracketed ? text.slice(1, -1) : text);
  if (host === undefined) return 'is no host name; other letters than a-z are written in punycode';
  if (host.kind === 'name') return isBracketed || !host.name.includes('.') ? 'is no full host name' : host;
  if ((host.ip.version === 6) !== isBracketed) return 'is an address in brackets that it may not have';
  const reason = notPublicBecause(host.ip);
  return reason === undefined ? host : `is no public address: it is ${reason}`;
};

const belowOf = (text: string): HostPattern['host'] | string => {
  const name = text.startsWith('*.') ? nameOf(text.slice(2)) : undefined;
  return name?.includes('.') === true
    ? { kind: 'below', name }
    : 'has a star that does not stand for the labels in front of two or more, as in *.example.org';
};

const nameOf = (text: string): string | undefined => {
  // Before anything is put in lower case: some letters beyond ASCII have an ASCII one as theirs.
  if (!ASCII.test(text)) return undefined;
  const name = text.toLowerCase().replace(/\.$/, '');
  const labels = name.split('.');
  const isName = name.length <= NAME_CHARS_MAX && labels.every((label) => LABEL.test(label));
  return isName && !NUMBER.test(labels.at(-1) ?? '') ? name : undefined;
};
