-- Reconciliation asks for these every few minutes; nearly all refunds have ended.
create index refunds_pending on refunds (updated_at) where state = 'pending';
