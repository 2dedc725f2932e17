"""Reason codes of verification, each with one sentence in English and Chinese.

A verifier answers a verdict (``PROVEN``, ``PARTLY``, ``STATED``, ``UNKNOWN``) or raises ``ProofError`` with one of the
other codes. All three verifiers (this package, the command line, the page's script) use the same codes.
"""

from __future__ import annotations

from enum import StrEnum


class ProofCode(StrEnum):
    """What a verification came to."""

    # verdicts
    PROVEN = "proven"
    PARTLY = "partly"
    STATED = "stated"
    UNKNOWN = "unknown-item"
    # the bundle itself
    UNREADABLE = "unreadable"
    WRONG_SUBJECT = "wrong-subject"
    # the chain
    WRONG_CHAIN = "wrong-chain"
    UNKNOWN_VALIDATORS = "unknown-validators"
    QUORUM_SHORT = "quorum-short"
    BAD_VOTE_SIGNATURE = "bad-vote-signature"
    NOT_IN_CHAIN = "not-in-chain"
    ROLLED_BACK = "rolled-back"
    FORK_SEEN = "fork-seen"
    NOT_IN_HISTORY = "not-in-history"
    WRONG_HEIGHT = "wrong-height"
    PRUNED = "pruned"
    BLOCK_ALTERED = "block-altered"
    RECEIPT_ALTERED = "receipt-altered"
    # the state
    NOT_IN_STATE = "not-in-state"
    RECORD_ALTERED = "record-altered"
    HISTORY_ALTERED = "history-altered"
    NOT_SHOWN = "not-shown"
    NOT_IN_TREE = "not-in-tree"
    CORRECTION_HIDDEN = "correction-hidden"
    # receivables
    NO_OBLIGATION = "no-obligation"
    OTHER_CLAIM = "other-claim"
    LIEN_HIDDEN = "lien-hidden"
    # evidence
    NO_CONTRADICTION = "no-contradiction"
    # the events
    EVENT_ALTERED = "event-altered"
    REFUSED = "refused"
    BAD_EVENT_SIGNATURE = "bad-event-signature"
    KEY_NOT_VALID_THEN = "key-not-valid-then"
    # the surroundings
    STALE = "stale"
    NO_CRYPTO = "no-crypto"
    NOT_OUR_CODE = "not-our-code"


WORDS: dict[ProofCode, tuple[str, str]] = {
    ProofCode.PROVEN: (
        "Proven: a quorum of the members' nodes signed a record that contains all of this.",
        "已证明：足够多的成员节点签署了包含以上全部内容的记录。",
    ),
    ProofCode.PARTLY: (
        "Partly proven: what is shown is genuine, but it is not shown that it is everything.",
        "部分证明：所示内容真实，但未能证明已展示全部内容。",
    ),
    ProofCode.STATED: (
        "Stated only: a member signed this about a code that nobody controls here.",
        "仅为陈述：某成员签署了该内容，但此编码在本账本中无人管理。",
    ),
    ProofCode.UNKNOWN: (
        "Unknown code: the record shows that this code was never issued here.",
        "未知编码：记录表明此编码从未在此签发。",
    ),
    ProofCode.UNREADABLE: ("Not proven: the proof cannot be read.", "未证明：无法读取证明。"),
    ProofCode.WRONG_SUBJECT: (
        "Not proven: the proof is about something else.",
        "未证明：该证明针对的是其他对象。",
    ),
    ProofCode.WRONG_CHAIN: ("Not proven: the proof is from another ledger.", "未证明：该证明来自另一账本。"),
    ProofCode.UNKNOWN_VALIDATORS: (
        "Not proven: signed by nodes that this verifier does not know.",
        "未证明：由本验证器不认识的节点签署。",
    ),
    ProofCode.QUORUM_SHORT: ("Not proven: too few nodes signed.", "未证明：签署的节点不足。"),
    ProofCode.BAD_VOTE_SIGNATURE: ("Not proven: a node's signature is wrong.", "未证明：某节点的签名无效。"),
    ProofCode.NOT_IN_CHAIN: (
        "Not proven: the signatures are for another block.",
        "未证明：签名属于另一区块。",
    ),
    ProofCode.ROLLED_BACK: (
        "Not proven: older than what this verifier has seen before.",
        "未证明：早于本验证器先前所见的记录。",
    ),
    ProofCode.FORK_SEEN: (
        "Not proven: another member shows a different state of the same time, also signed by the nodes.",
        "未证明：另一成员展示了同一时点的不同状态，且同样由节点签署。",
    ),
    ProofCode.NOT_IN_HISTORY: (
        "Not proven: the block shown is not the one of that height in the ledger that the nodes signed.",
        "未证明：所示区块并非节点所签署账本中该高度的区块。",
    ),
    ProofCode.WRONG_HEIGHT: (
        "Not proven: the proof shows how things were at another time than was asked for.",
        "未证明：该证明显示的并非所询问时点的状态。",
    ),
    ProofCode.PRUNED: (
        "Cannot be shown any more: the state of that time is no longer kept here.",
        "已无法展示：该时点的状态在此处不再保存。",
    ),
    ProofCode.BLOCK_ALTERED: (
        "Not proven: the header shown is not the one of that block.",
        "未证明：所示区块头不属于该区块。",
    ),
    ProofCode.RECEIPT_ALTERED: (
        "Not proven: the receipt differs from the one that the nodes signed.",
        "未证明：该回执与节点所签署的不同。",
    ),
    ProofCode.NOT_IN_STATE: (
        "Not proven: the state shown is not the one that the nodes signed.",
        "未证明：所示状态并非节点所签署的状态。",
    ),
    ProofCode.RECORD_ALTERED: (
        "Not proven: a record differs from the one that the nodes signed.",
        "未证明：某条记录与节点所签署的不同。",
    ),
    ProofCode.HISTORY_ALTERED: (
        "Not proven: events were added, left out or reordered.",
        "未证明：事件被添加、遗漏或调换了顺序。",
    ),
    ProofCode.NOT_SHOWN: (
        "Not proven: the part of the record that this needs is not shown.",
        "未证明：缺少所需的记录部分。",
    ),
    ProofCode.NOT_IN_TREE: ("Not proven: a step of the proof does not fit.", "未证明：证明中的某一步不成立。"),
    ProofCode.CORRECTION_HIDDEN: (
        "Not proven: it is not shown whether this event was declared erroneous.",
        "未证明：未说明该事件是否已被声明为错误。",
    ),
    ProofCode.NO_OBLIGATION: (
        "Not proven: the ledger has no such obligation.",
        "未证明：本账本中没有该应付义务。",
    ),
    ProofCode.OTHER_CLAIM: (
        "Not proven: another obligation stands under the same invoice number.",
        "未证明：同一发票号下登记的是另一项应付义务。",
    ),
    ProofCode.LIEN_HIDDEN: (
        "Not proven: it is not shown whether somebody else holds a lien.",
        "未证明：未说明是否有他人持有质权。",
    ),
    ProofCode.NO_CONTRADICTION: (
        "Not proven: an honest node may sign both statements.",
        "未证明：诚实的节点也可能签署这两项声明。",
    ),
    ProofCode.EVENT_ALTERED: (
        "Not proven: an event differs from the one that was signed.",
        "未证明：某事件与所签署的不同。",
    ),
    ProofCode.REFUSED: (
        "Not proven: the event was sent in and refused; it never took effect.",
        "未证明：该事件曾被提交但遭拒绝，从未生效。",
    ),
    ProofCode.BAD_EVENT_SIGNATURE: (
        "Not proven: the signature of an event is wrong.",
        "未证明：某事件的签名无效。",
    ),
    ProofCode.KEY_NOT_VALID_THEN: (
        "Not proven: the signing key was not valid at that time.",
        "未证明：签名密钥当时无效。",
    ),
    ProofCode.STALE: (
        "Genuine when it was made, but the record is old; newer events may exist.",
        "当时真实，但记录已旧，之后可能有新事件。",
    ),
    ProofCode.NO_CRYPTO: (
        "This browser checks no signatures here. Open the page with https, or use another browser, the command line or "
        "another member's page.",
        "此浏览器无法在此检查签名。请通过 https 打开本页面，或使用其他浏览器、命令行或其他成员的页面。",
    ),
    ProofCode.NOT_OUR_CODE: (
        "This code does not belong to this ledger.",
        "此编码不属于本账本。",
    ),
}

assert set(WORDS) == set(ProofCode)
