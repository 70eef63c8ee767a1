/** The addresses at which a machine answers, of what Linux says of them. */
import { describe, expect, it } from 'vitest';
import { parseRange } from '@zerofleet/model';
import { localV4, localV6, networksOfThisHost } from './own-networks.js';

const TABLES = `Id 200:
  |-- 0.0.0.0
     /0 host LOCAL
Main:
  +-- 0.0.0.0/0 3 0 4
     |-- 0.0.0.0
        /0 universe UNICAST
     |-- 45.79.20.0
        /24 link UNICAST
Local:
  +-- 0.0.0.0/0 3 0 4
     +-- 127.0.0.0/31 1 0 0
        |-- 127.0.0.0
           /8 host LOCAL
        |-- 127.0.0.1
           /32 host LOCAL
     |-- 45.79.20.1
        /32 host LOCAL
     |-- 45.79.20.255
        /32 link BROADCAST
     |-- 9.9.9.0
        /32 link BROADCAST
        /24 host LOCAL
`;

const LIST = `26002800021f00070000000000000001 08 40 20 80  docker0
00000000000000000000000000000001 01 80 10 80       lo
`;

describe('addresses at which a machine answers', () => {
  it('are those that the tables for all packets deliver to it', () => {
    expect(localV4(TABLES)).toEqual(['127.0.0.0/8', '127.0.0.1', '45.79.20.1', '9.9.9.0/24'].map(parseRange));
    expect(localV4('')).toEqual([]);
  });

  it('are those of every interface', () => {
    expect(localV6(LIST)).toEqual(['2600:2800:21f:7::1', '::1'].map(parseRange));
    expect(localV6('')).toEqual([]);
  });

  it('and the networks in service are found on this one', () => {
    expect(networksOfThisHost()).toContainEqual(parseRange('127.0.0.0/8'));
    expect(networksOfThisHost()).toContainEqual(parseRange('127.0.0.1'));
  });
});
