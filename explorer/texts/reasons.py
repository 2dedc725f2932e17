"""Why an event was refused, in Chinese beside the ledger's own English words."""

from __future__ import annotations

from tallystick.reasons import WORDS, Reason

# Reasons that an event on a public page can have; business reasons stand in receipts, which are for members.
_CHINESE: dict[Reason, str] = {
    Reason.NONE: "已生效",
    Reason.REPLAYED: "该交易此前已执行",
    Reason.RULE_FAULT: "账本规则出现故障，未写入任何内容",
    Reason.UNKNOWN_KEY: "签名密钥未登记",
    Reason.KEY_REVOKED: "签名密钥已吊销",
    Reason.KEY_NOT_FOR_THIS: "签名密钥不可用于此用途",
    Reason.ORGANISATION_SUSPENDED: "该组织已被暂停",
    Reason.ROLE_MISSING: "该组织缺少所需角色",
    Reason.SIGNERS_OF_SEVERAL_ORGANISATIONS: "签名者属于多个组织",
    Reason.ROLLED_BACK: "同一次提交中的另一事件被拒绝",
    Reason.UNKNOWN_RULE: "当前高度没有适用于此类交易的规则",
    Reason.SHARE_SPENT: "该组织在本区块的份额已用完",
    Reason.RECORD_TOO_LARGE: "记录超过允许的大小",
    Reason.DUPLICATE: "该组织此前已记录此事件",
    Reason.NOT_PREFIX_HOLDER: "只有该 GS1 厂商识别代码的持有者可以建档",
    Reason.ALREADY_COMMISSIONED: "该编码已在管理之下",
    Reason.NOT_HOLDER: "该组织并不持有这些货物",
    Reason.NOT_ADDRESSED_TO_YOU: "货物发往其他收货方",
    Reason.NOT_ACTIVE: "货物已被使用、售出或停用",
    Reason.RECALLED: "货物已被召回",
    Reason.INSPECTION_FAILED: "最近一次检验不合格",
    Reason.NOT_ACCREDITED: "该组织目前没有认可资质",
    Reason.OUT_OF_SCOPE: "认可范围不包括此项",
    Reason.QUANTITY_SHORT: "剩余数量不足",
    Reason.UNIT_MISMATCH: "单位与批次单位不同",
    Reason.NOT_IN_CONTAINER: "货物不在该容器内",
    Reason.ALREADY_IN_CONTAINER: "货物已在某容器内",
    Reason.CONTAINER_CYCLE: "容器不能装入自身",
    Reason.NOT_A_PARTY: "该组织与这些货物无关",
    Reason.IN_TRANSIT: "货物在途，尚未收货",
    Reason.NOT_IN_TRANSIT: "没有向该组织发出这些货物",
    Reason.UNKNOWN_EVENT: "所指事件未在此记录",
    Reason.NOT_YOUR_EVENT: "只有签署该事件的组织可以声明其错误",
    Reason.ALREADY_CORRECTED: "该事件此前已被声明为错误",
    Reason.EVENT_IN_FUTURE: "事件时间晚于区块时间",
    Reason.RECEIVER_MISSING: "发货事件必须写明收货方",
    Reason.MIXED_CONTROL: "部分编码受管理而部分不受管理",
    Reason.PROFILE_FIELD_MISSING: "缺少该品类所需的字段",
    Reason.OUTPUT_EXISTS: "产出物的编码已存在",
    Reason.CLASS_HAS_NO_CUSTODY: "产品类别没有保管关系",
    Reason.WRONG_EVENT_TYPE: "该步骤不能使用此类事件",
    Reason.CONTAINER_FULL: "容器内物品过多",
    Reason.WRONG_KIND: "该编码的类型不适用于此步骤",
}

_OTHERWISE = "账本规则拒绝了该内容"

# The ledger speaks to the signer; a page speaks of the signer to others.
_TO_OTHERS = (
    ("your organisation", "the signing organisation"),
    ("your accreditation", "the signer’s accreditation"),
    (" to you", " to the signer"),
)


def _for_others(words: str) -> str:
    for to_signer, to_others in _TO_OTHERS:
        words = words.replace(to_signer, to_others)
    return words


REASONS: dict[str, tuple[str, str]] = {
    f"reason.{reason.name}": (_for_others(WORDS[reason][0]), _CHINESE.get(reason, _OTHERWISE)) for reason in Reason
}
