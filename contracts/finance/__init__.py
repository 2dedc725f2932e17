"""Rules of receivables: obligations, slices, deals, grants. By payload type, and due-work rules by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contracts.finance import financing, grants, maturity, obligations, offers, payments
from contracts.workspace import Workspace
from tallystick.payloads import finance as payloads

RULES: dict[type[Any], Callable[[Workspace, Any], None]] = {
    payloads.PresentObligation: obligations.present_obligation,
    payloads.ConfirmObligation: obligations.confirm_obligation,
    payloads.RejectObligation: obligations.reject_obligation,
    payloads.CancelObligation: obligations.cancel_obligation,
    payloads.PayObligation: payments.pay_obligation,
    payloads.SplitSlice: offers.split_slice,
    payloads.OfferSlice: offers.offer_slice,
    payloads.WithdrawOffer: offers.withdraw_offer,
    payloads.FinanceSlice: financing.finance_slice,
    payloads.RepurchaseSlice: financing.repurchase_slice,
    payloads.GrantAccess: grants.grant_access,
    payloads.RevokeGrant: grants.revoke_grant,
}

DUE_RULES: dict[str, Callable[[Workspace, bytes], None]] = {
    obligations.EXPIRE: obligations.expire_due,
    offers.EXPIRE: offers.expire_due,
    maturity.MATURE: maturity.mature_due,
    maturity.OVERDUE: maturity.overdue_due,
    maturity.DEFAULT: maturity.default_due,
    maturity.CLOSE: maturity.close_due,
    payments.CLOSE_DEAL: payments.close_deal_due,
}
