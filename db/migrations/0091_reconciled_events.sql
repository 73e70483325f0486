-- Reconciliation also asks Stripe for the events it could not deliver.

alter table reconciliation_runs
  -- Events of our checkouts that nobody had handed on.
  add column events_taken integer not null default 0 check (events_taken >= 0);
