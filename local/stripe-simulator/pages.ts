// The simulator's few pages. Each says what it is: nobody may mistake it for a real bank.

import type { PaymentIntentRecord } from './records';
import { formatAmount } from './amounts';
import type { Simulator } from './simulator';
import { readMeta } from './meta';
import { API_VERSION } from './version';

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem;color:#1a1a1a}' +
  '.label{background:#fff3cd;border:2px solid #b58900;padding:.6rem 1rem;font-weight:600}' +
  'button{font:inherit;padding:.6rem 1.2rem;margin-right:.6rem}code{background:#eee;padding:0 .3rem}';

function layout(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body>
<p class="label">Stripe simulator — no real money</p><h1>${escapeHtml(title)}</h1>${body}</body></html>`;
}

export function indexPage(simulator: Simulator): string {
  const { store } = simulator;
  const { policy, accountId, clockOffsetSeconds } = readMeta(store);
  return layout(
    'Stripe simulator',
    `<p>This stands in for Stripe on one machine. It speaks Stripe's HTTP API (version <code>${API_VERSION}</code>) under
<code>/v1</code>, accepts only Stripe's published test cards, and moves no money.</p>
<ul><li>account <code>${escapeHtml(accountId)}</code>, keys <code>sk_test_simulator</code> and <code>pk_test_simulator</code></li>
<li>${store.count('payment_intents')} PaymentIntents, ${store.count('refunds')} refunds, ${store.count('events')} events</li>
<li>webhooks: ${policy.mode}${policy.copies > 1 ? `, ${policy.copies} copies` : ''}; clock ${clockOffsetSeconds} s ahead</li></ul>
<ul><li><a href="/_simulator/ledger">ledger</a>: the truth about money</li>
<li><a href="/_simulator/deliveries">deliveries</a>: every webhook attempt and its answer</li>
<li><a href="/_simulator/faults">faults</a>, <a href="/_simulator/webhooks">webhook policy</a>,
<a href="/_simulator/settings">settings</a>, <a href="/_simulator/clock">clock</a></li></ul>`,
  );
}

/** Stands in for the bank's 3D Secure page. */
export function challengePage(record: PaymentIntentRecord): string {
  const { amount, currency } = record.object;
  const path = `/3ds/${record.id}/${record.challengeToken ?? ''}`;
  return layout(
    '3D Secure',
    `<p>Your bank would now ask whether you want to pay <strong>${formatAmount(amount, currency)}</strong>. Here you choose
what it answers; closing the page means walking away.</p>
<form method="post" action="${path}/complete" style="display:inline"><button>Complete</button></form>
<form method="post" action="${path}/fail" style="display:inline"><button>Fail</button></form>`,
  );
}

export function messagePage(title: string, message: string): string {
  return layout(title, `<p>${escapeHtml(message)}</p>`);
}

function escapeHtml(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replaceAll(/[&<>"']/g, (character) => names[character] ?? character);
}
