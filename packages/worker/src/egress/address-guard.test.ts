/** What is refused beside what is not public. */
import { describe, expect, it } from 'vitest';
import { parseIp, parseRange, type IpAddress, type IpRange } from '@zerofleet/model';
import { AddressGuard } from './address-guard.js';
import { egressRelations, egressSchema, egressSettingsOf, type EgressConfig } from './egress-config.js';

const ip = (text: string): IpAddress => parseIp(text) as IpAddress;
const range = (text: string): IpRange => parseRange(text) as IpRange;
const configWith = (change: Partial<EgressConfig>): EgressConfig => {
  const defaults = Object.entries(egressSchema).map(([name, { default: value }]) => [name, value] as const);
  return { ...(Object.fromEntries(defaults) as unknown as EgressConfig), ...change };
};

describe('the guard', () => {
  it('refuses what is not public, what is denied, and the networks that it is in', () => {
    let own = [range('20.20.0.0/16')];
    const guard = new AddressGuard([range('8.8.8.0/24'), range('2606:4700::/32')], () => own);
    expect(guard.judge()(ip('10.1.2.3'))).toBe('private');
    expect(guard.judge()(ip('8.8.8.8'))).toBe('denied by the operator');
    expect(guard.judge()(ip('2606:4700::1'))).toBe('denied by the operator');
    expect(guard.judge()(ip('20.20.1.1'))).toBe("in the worker's own network");
    expect(guard.judge()(ip('8.8.9.8'))).toBeUndefined();
    own = [];
    expect(guard.judge()(ip('20.20.1.1'))).toBeUndefined();
  });
});

describe('settings', () => {
  it('deny further ranges', () => {
    const config = configWith({ egressDenyCidrs: ' 8.8.8.0/24,2606:4700::/32, 1.1.1.1 ,' });
    expect(egressRelations(config)).toBeUndefined();
    expect(egressSettingsOf(config).denied).toEqual(['8.8.8.0/24', '2606:4700::/32', '1.1.1.1'].map(range));
  });

  it.each(['8.8.8.8/24', 'example.com', '10.0.0.0/8;1.1.1.1', '10/8'])(
    "name what is no range in '%s'",
    (text) =>
      expect(egressRelations(configWith({ egressDenyCidrs: `1.1.1.1,${text}` }))).toContain(`'${text}'`),
  );

  it('are on and deny nothing more where nobody says otherwise', () => {
    expect(egressRelations(configWith({}))).toBeUndefined();
    expect(egressSettingsOf(configWith({}))).toMatchObject({ isOn: true, denied: [] });
    expect(egressSettingsOf(configWith({ egress: 'off' })).isOn).toBe(false);
  });
});
