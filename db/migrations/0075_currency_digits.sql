-- What an amount's unit is, settled before anything is held: a currency is sold in only where Stripe's minor unit is the one that
-- everybody else means. Source: https://docs.stripe.com/currencies#zero-decimal and #special-cases.

alter table currencies add column minor_digits smallint;
comment on column currencies.minor_digits is
  'How many digits of an amount are its minor units, at Stripe as in ISO 4217: 1000 is 10.00 where this is 2, and 1000 where it is 0.';

update currencies set minor_digits = case code when 'jpy' then 0 else 2 end;

-- Refused: UGX is documented with two minor units; ISK has none, and is sent times 100; the three-decimal ones take no last digit
-- but 0. In each, an amount read by the wrong rule is wrong by a factor of ten or a hundred. The first check fails in a database
-- where one was added by hand: end its drops and take it out before.
alter table currencies
  alter column minor_digits set not null,
  add constraint currencies_supported_ck check (code not in ('ugx', 'isk', 'bhd', 'jod', 'kwd', 'omr', 'tnd')),
  -- Stripe's zero-decimal currencies; all others have two digits there.
  add constraint currencies_minor_digits_ck check (minor_digits = case
    when code in (
      'bif', 'clp', 'djf', 'gnf', 'jpy', 'kmf', 'krw', 'mga', 'pyg', 'rwf', 'vnd', 'vuv', 'xaf', 'xof', 'xpf') then 0
    else 2
  end);

-- The foreign key refuses the same; this says why, by a code of its own.
create function drops_guard_currency() returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
  if not exists (select 1 from currencies where code = new.currency) then
    raise exception using
      errcode = 'HF012', detail = new.currency, message = format('nothing is sold in %s', new.currency),
      hint = 'The table currencies lists what is; it takes no currency whose minor unit is ambiguous at Stripe.';
  end if;
  return new;
end
$$;

create trigger drops_100_guard_currency before insert or update of currency on drops
  for each row execute function drops_guard_currency();

revoke execute on function drops_guard_currency() from public;
