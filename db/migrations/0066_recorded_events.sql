-- The outcome of an event that told of a refund or a dispute.

alter table webhook_events drop constraint webhook_events_outcome_check;
alter table webhook_events add constraint webhook_events_outcome_check check (outcome in (
  'ignored', 'no_effect', 'confirmed', 'refund_pending', 'released', 'attempt', 'processing', 'recorded'));
