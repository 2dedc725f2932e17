"""The sentences of the pages."""

from __future__ import annotations

PAGES: dict[str, tuple[str, str]] = {
    # --- frame ---
    "site.name": ("Tallystick", "Tallystick 溯源账本"),
    "site.skip": ("Skip to the content", "跳到正文"),
    "site.home": ("Home", "首页"),
    "site.blocks": ("Blocks", "区块"),
    "site.about": ("What is checked", "如何核验"),
    "site.language": ("中文", "English"),
    "site.language_label": ("Switch to Chinese", "切换到英文"),
    "site.navigation": ("Main", "主导航"),
    "site.footer": (
        "Read-only copy of the ledger “{network}”, kept by one member and checked block by block.",
        "账本“{network}”的只读副本，由一名成员维护并逐块核验。",
    ),
    "site.height": ("Copy up to height {height}, block time {time}", "副本高度 {height}，区块时间 {time}"),
    "site.stale": (
        "This copy has not seen a new block since {time}. Newer events may exist.",
        "本副本自 {time} 起未见到新区块，之后可能有新事件。",
    ),
    "site.trouble": (
        "This copy stopped at height {height}: what its node answered since then does not verify ({code}).",
        "本副本停在高度 {height}：此后节点的应答无法通过核验（{code}）。",
    ),
    "site.at": ("Shown as of height {height}, not as of now.", "显示截至高度 {height} 的内容，而非当前内容。"),
    "site.at_leave": ("Show the newest state", "显示最新状态"),
    # --- home ---
    "home.title": ("Look up a product", "查询产品"),
    "home.lead": (
        "Scan the code on a pack with your camera, or type what is printed below it.",
        "用相机扫描包装上的二维码，或输入印在其下方的编码。",
    ),
    "home.field": ("Code", "编码"),
    "home.hint": (
        "For example (01)09521234543213(21)A1, a 13-digit number, or the address in the code",
        "例如 (01)09521234543213(21)A1、13 位条码或二维码中的网址",
    ),
    "home.submit": ("Look up", "查询"),
    "home.pulse": ("The ledger now", "账本现状"),
    "home.pulse_height": ("Checked height", "已核验高度"),
    "home.pulse_time": ("Newest block", "最新区块时间"),
    "home.pulse_nodes": ("Members’ nodes that sign", "参与签署的成员节点"),
    "home.pulse_quorum": ("Signatures needed", "所需签名数"),
    "home.pulse_items": ("Things under control", "受管理的编码"),
    "home.pulse_events": ("Events recorded", "已记录事件"),
    # --- codes ---
    "code.not_our_code": ("This code does not belong to this ledger", "此编码不属于本账本"),
    "code.not_our_code_text": (
        "What was scanned or typed is not a product code of this ledger. Nothing is said about the product.",
        "扫描或输入的内容不是本账本的产品编码，本页不对该产品作任何说明。",
    ),
    "code.mistyped": ("The code has a typing error", "编码输入有误"),
    "code.mistyped_text": (
        "A digit seems wrong: the check digit does not fit. Compare it with the printed number.",
        "校验位不符，可能有一位数字输入错误，请与印刷的编码核对。",
    ),
    "code.you_typed": ("You gave", "您输入的内容"),
    "code.try_again": ("Try another code", "换一个编码"),
    # --- product page ---
    "item.title_unnamed": ("Product {gtin}", "产品 {gtin}"),
    "item.serial": ("Serial number", "序列号"),
    "item.lot": ("Lot", "批次"),
    "item.gtin": ("GTIN", "GTIN"),
    "item.sscc": ("Logistic unit (SSCC)", "物流单元（SSCC）"),
    "item.level": ("This page is about one {kind}", "本页针对一个{kind}"),
    "item.status": ("Status", "状态"),
    "item.origin": ("How it came here", "建档方式"),
    "item.declared": ("Declared origin", "声明的来源"),
    "item.made_by": ("Issued by", "编码持有者"),
    "item.first": ("On record since", "记录起始"),
    "item.events_count": ("Events on record", "记录事件数"),
    "item.facts": ("Facts", "基本信息"),
    "recall.title": ("Recalled: do not use", "已召回：请勿使用"),
    "recall.lifted": ("A recall was lifted", "召回已解除"),
    "recall.reason": ("Reason", "原因"),
    "recall.by": ("Declared by", "发布方"),
    "recall.since": ("Since", "起始时间"),
    "recall.severity": ("Severity", "级别"),
    "recall.roots": ("What was recalled by name", "召回对象"),
    "recall.spreading": (
        "The recall is still spreading to what was made from it.",
        "召回仍在向其加工产物传递。",
    ),
    "verdict.heading": ("Can this page be believed?", "本页是否可信？"),
    "verdict.other": ("The proof does not hold ({code}).", "证明不成立（{code}）。"),
    "verdict.page_altered": (
        "The proof holds, but this page shows something else than it proves.",
        "证明成立，但本页显示的内容与其所证明的不符。",
    ),
    "verdict.waiting": ("Checking the proof in your browser…", "正在您的浏览器中核验证明……"),
    "verdict.noscript": (
        "Your browser has not checked anything, because scripts are off. This site checked the proof itself; to check "
        "without trusting it, download the proof below.",
        "由于脚本已关闭，您的浏览器未作核验。本站已自行核验；如不想依赖本站，请下载下方的证明自行核验。",
    ),
    "verdict.server_ok": (
        "This site checked the proof: {signed} of {total} members’ nodes signed the record at height {height}.",
        "本站已核验证明：{total} 个成员节点中有 {signed} 个签署了高度 {height} 的记录。",
    ),
    "verdict.server_none": (
        "No proof can be shown right now; the list below was copied from checked blocks.",
        "目前无法出示证明；以下内容来自经核验的区块副本。",
    ),
    "verdict.server_bad": (
        "The proof that the node gave does not hold ({code}). The list below was copied from checked blocks.",
        "节点给出的证明不成立（{code}）。以下内容来自经核验的区块副本。",
    ),
    "verdict.at": (
        "No proof of the state of this height is at hand, nodes keep the newest; this was copied from checked blocks.",
        "此处没有该高度状态的证明，节点仅保留最新状态；内容来自经核验的区块副本。",
    ),
    "verdict.checked": ("Checked by this site", "本站已核验"),
    "verdict.proven": ("Proven", "已证明"),
    "verdict.partly": ("Partly proven", "部分证明"),
    "verdict.stated": ("Stated only", "仅为陈述"),
    "verdict.unproven": ("Not proven", "未证明"),
    "verdict.no-crypto": ("Not checked in this browser", "此浏览器未能核验"),
    "verdict.unknown": ("Never issued", "从未签发"),
    "verdict.checked_here": (
        "Checked in this browser: {signed} of {total} members’ nodes signed this record, in {ms} ms.",
        "已在此浏览器中核验：{total} 个成员节点中有 {signed} 个签署了该记录，用时 {ms} 毫秒。",
    ),
    "verdict.as_of": ("As of {time}.", "截至 {time}。"),
    "verdict.stale": (
        "The proof is more than {minutes} minutes old; newer events may exist.",
        "该证明已超过 {minutes} 分钟，之后可能有新事件。",
    ),
    "verdict.rows_differ": (
        "The page shows something that the proof does not contain.",
        "页面显示了证明中不包含的内容。",
    ),
    "verdict.other_ways": (
        "Check elsewhere: open the same code at another member, or run “tallystick verify” on the downloaded proof.",
        "其他核验方式：在其他成员的网站打开同一编码，或用命令 “tallystick verify” 核验下载的证明。",
    ),
    "journey.title": ("Journey", "流转过程"),
    "journey.empty": ("No event is on record.", "没有记录事件。"),
    "journey.signed_by": ("Signed by", "签署方"),
    "journey.signer_hidden": ("a member whose name is not public", "未公开名称的成员"),
    "journey.place": ("Place", "地点"),
    "journey.disposition": ("State afterwards", "之后状态"),
    "journey.recorded": ("Recorded in block {height}", "记录于区块 {height}"),
    "journey.details": ("Event", "事件详情"),
    "journey.of_lot": ("about the lot", "批次事件"),
    "journey.of_class": ("about the product", "产品事件"),
    "journey.of_container": ("about the container it was in", "所在容器事件"),
    "journey.of_input": ("about an ingredient", "原料事件"),
    "journey.proven_mark": ("proven", "已证明"),
    "correction.title": ("Declared erroneous.", "已声明为错误。"),
    "correction.text": (
        "Its signer declared this event erroneous in block {height}: {reason}.",
        "签署方在区块 {height} 声明该事件错误：{reason}。",
    ),
    "correction.replaced_by": ("Corrected version", "更正版本"),
    "correction.declares": ("This event declares an earlier one erroneous.", "该事件声明先前的一个事件错误。"),
    "lineage.title": ("Made from", "原料来源"),
    "lineage.used_for": ("Used to make", "用于制成"),
    "lineage.none": ("No processing is on record.", "没有加工记录。"),
    "containers.title": ("Containers", "所在容器"),
    "containers.inside": ("Was inside", "曾装入"),
    "containers.contents": ("Contents by public events", "公开事件中的内容物"),
    "inspection.title": ("Inspection", "检验"),
    "inspection.by": ("by {name}", "{name} 检验"),
    "inspection.none": ("No inspection is on record.", "没有检验记录。"),
    "temperature.title": ("Temperatures on the way", "运输温度"),
    "temperature.caption": (
        "{count} readings, lowest {low} °C, highest {high} °C",
        "共 {count} 个读数，最低 {low} °C，最高 {high} °C",
    ),
    "temperature.time": ("Time", "时间"),
    "temperature.value": ("Reading", "读数"),
    "temperature.alarm": ("Alarm", "报警"),
    "temperature.table": ("All readings", "全部读数"),
    "stated.title": ("Stated by others", "他人陈述"),
    "stated.text": (
        "Members signed these events about a code that nobody controls in this ledger. They are their word, no more.",
        "以下事件由成员签署，但该编码在本账本中无人管理；仅代表其陈述。",
    ),
    "proof.title": ("Proof", "证明"),
    "proof.text": (
        "The proof holds every record behind this page with the signatures of the members’ nodes. Anyone can check it, "
        "also when this site is gone.",
        "证明包含本页所依据的全部记录及成员节点的签名。任何人都可核验，即使本站不再存在。",
    ),
    "proof.download": ("Download the proof (JSON)", "下载证明（JSON）"),
    "proof.elsewhere": ("Ask another member", "向其他成员查询"),
    "proof.command": ("Check it with", "核验命令"),
    "limits.title": ("What is not proven", "未能证明的内容"),
    "limits.copy": (
        "That the thing in your hand is the one meant: a copied label shows the same page.",
        "您手中的物品就是记录所指的物品：复制的标签会打开同一页面。",
    ),
    "limits.truth": (
        "That the signers told the truth. It is proven who said what, and that nothing was changed or left out since.",
        "签署者所言属实。本页证明的是谁说了什么，以及此后未被更改或遗漏。",
    ),
    "limits.names": (
        "Names of members, products and places, and the words for steps and states: they are this site’s own. The ids "
        "beside them are proven.",
        "成员、产品和地点的名称，以及环节和状态的用词：由本站提供。经证明的是其旁的标识。",
    ),
    "copy.note": ("From this site’s copy, not part of the proof.", "来自本站副本，不属于证明内容。"),
    "limits.site": (
        "That this site gave you an honest checking script. If in doubt, check the proof elsewhere.",
        "本站向您提供了诚实的核验脚本。如有疑问，请在别处核验证明。",
    ),
    # --- unknown ---
    "unknown.title": ("This code was never issued here", "此编码从未在此签发"),
    "unknown.text": (
        "Nobody brought this code under control in this ledger. If it is printed on a product that claims to be on "
        "record here, the label may be forged.",
        "本账本中没有任何成员为此编码建档。如果产品声称在此有记录，其标签可能是伪造的。",
    ),
    "unknown.at": ("This code was not on record at height {height}.", "高度 {height} 时没有此编码的记录。"),
    "unknown.proof": ("Download the proof of absence (JSON)", "下载不存在证明（JSON）"),
    "unknown.near": ("The product itself is on record", "该产品本身有记录"),
    # --- product class ---
    "class.level": ("This number names a product, not one piece of it", "该编码表示一种产品，而非某一件"),
    "class.lead": (
        "What happened is recorded for each lot or piece. Scan the code on the pack, or type its lot or serial number.",
        "流转记录按批次或单品保存。请扫描包装上的二维码，或输入批次号或序列号。",
    ),
    "class.issued": ("Lots and pieces on record", "有记录的批次和单品"),
    "class.lots": ("Lots on record", "有记录的批次"),
    # --- event ---
    "event.title": ("Event", "事件"),
    "event.commitment": ("Commitment", "承诺值"),
    "event.time": ("Happened", "发生时间"),
    "event.recorded": ("Recorded", "记录时间"),
    "event.status": ("Result", "结果"),
    "event.effective": ("In effect", "已生效"),
    "event.effective_text": ("The event obeyed the rules and took effect.", "该事件符合规则并已生效。"),
    "event.stated": ("Stated", "仅为陈述"),
    "event.stated_text": (
        "Kept as its signer’s word about a code that nobody controls here; it moved nothing.",
        "作为签署者对无人管理编码的陈述保存，不产生任何效果。",
    ),
    "event.refused": ("Refused", "已拒绝"),
    "event.refused_text": (
        "It was sent in and refused; it never took effect: {reason}.",
        "该事件曾被提交但遭拒绝，从未生效：{reason}。",
    ),
    "event.things": ("Things named", "涉及的编码"),
    "event.json": ("As it was signed (public part)", "签署原文（公开部分）"),
    "event.members_part": (
        "Parties, amounts and documents of this event are for members and not shown here.",
        "该事件的当事方、数量和单据仅限成员查看，此处不显示。",
    ),
    "event.missing": ("No such event", "没有该事件"),
    "event.missing_text": (
        "No event with this commitment is on record up to height {height}.",
        "截至高度 {height} 没有此承诺值的事件记录。",
    ),
    # --- blocks ---
    "blocks.title": ("Blocks", "区块"),
    "blocks.lead": (
        "Every block here was checked: signatures of the members’ nodes, contents, receipts and resulting state.",
        "此处每个区块都经过核验：成员节点的签名、内容、回执及其得出的状态。",
    ),
    "blocks.older": ("Older blocks", "更早的区块"),
    "blocks.newer": ("Newer blocks", "更新的区块"),
    "block.title": ("Block {height}", "区块 {height}"),
    "block.height": ("Height", "高度"),
    "block.hash": ("Hash", "哈希"),
    "block.parent": ("Parent", "父区块"),
    "block.time": ("Block time", "区块时间"),
    "block.proposer": ("Proposed by", "提议节点"),
    "block.transactions": ("Transactions", "交易"),
    "block.receipts": ("Receipts", "回执"),
    "block.view": ("View", "视图"),
    "block.state_root": ("State root afterwards", "之后的状态根"),
    "block.receipts_root": ("Receipts root", "回执根"),
    "block.signers": ("Finalised by", "最终确认节点"),
    "block.signers_later": (
        "Finalised through a later block that its signatures also bind.",
        "由之后的区块一并最终确认。",
    ),
    "block.contents": ("Contents", "内容"),
    "block.organisation": ("Signed by", "签署方"),
    "block.empty": ("The block carries no transactions.", "该区块没有交易。"),
    "block.missing": ("No such block", "没有该区块"),
    "block.missing_text": ("The newest checked block is {height}.", "最新已核验区块为 {height}。"),
    # --- about ---
    "about.title": ("What is checked, and what is not", "核验什么，不核验什么"),
    "about.lead": (
        "Several firms keep one record together. Nobody can change it alone, and you need not trust this site.",
        "多家企业共同维护一份记录。任何一方都无法单独更改，您也无需信任本站。",
    ),
    "about.proven_title": ("What “proven” means", "“已证明”的含义"),
    "about.proven": (
        "Your browser recomputed the record behind the page and checked the signatures of more than two thirds of the "
        "members’ nodes under it. Every event shown is in it, in order, with nothing left out: the thing itself, its "
        "lot, its product, the containers it travelled in and what it was made from.",
        "您的浏览器重新计算了页面所依据的记录，并核验了超过三分之二成员节点的签名。所示每个事件都按顺序包含其中且无遗漏："
        "包括物品本身、其批次、其产品、运输容器以及原料。",
    ),
    "about.partly_title": ("What “partly” means", "“部分证明”的含义"),
    "about.partly": (
        "What is shown is genuine, but the proof does not show that it is everything.",
        "所示内容真实，但证明未表明这是全部内容。",
    ),
    "about.stated_title": ("What “stated” means", "“仅为陈述”的含义"),
    "about.stated": (
        "A member signed it, about a code that nobody controls here. It is that member’s word.",
        "由某成员签署，但该编码在此无人管理，仅为该成员的陈述。",
    ),
    "about.refused_title": ("Refused events", "被拒绝的事件"),
    "about.refused": (
        "An event that breaks a rule stays in its block and has no effect. Being in a block proves nothing.",
        "违反规则的事件保留在区块中但不产生效果。仅存在于区块中并不能证明任何事。",
    ),
    "about.without_title": ("Checking without this site", "不依赖本站的核验"),
    "about.without": (
        "Download the proof of a page and run the command below, or open the same code at another member’s site. The "
        "chain id must be the one that the founders published.",
        "下载页面的证明并运行以下命令，或在其他成员的网站打开同一编码。链标识必须与创始成员公布的一致。",
    ),
    "about.chain": ("Chain id", "链标识"),
    "about.clock": (
        "This is a demonstration ledger: its members may advance its clock together.",
        "这是演示账本：成员可以共同调快其时钟。",
    ),
    "about.lists": (
        "Each row of this copy was checked against certified roots. Lists, counts and searches are computed from them.",
        "本副本的每一行都对照经认证的根核验；列表、计数和搜索由其计算得出。",
    ),
    "about.paper_title": ("Codes on paper", "纸质编码"),
    "about.paper": (
        "A large code on a container’s paper can hold a compact proof: the container as a quorum of the members’ nodes "
        "sealed it, with one signature for all of them. A browser cannot check that kind of signature, so no page of "
        "this site claims to; the command above does, without any network.",
        "容器单据上的大型编码可包含紧凑证明：即经成员节点法定多数以一个合并签名封存的容器状态。浏览器无法核验此类签名，"
        "因此本站任何页面都不作此声称；上述命令可在无网络的情况下核验。",
    ),
    # --- paper ---
    "paper.title": ("What a printed code says", "纸质编码的内容"),
    "paper.lead": (
        "This is what stands in the code, read out. Nobody has checked it here: a browser cannot check this kind of "
        "signature.",
        "以下为编码内容的直接读出，本站未作核验：浏览器无法核验此类签名。",
    ),
    "paper.recall": ("A recall had reached this container.", "召回已涉及该容器。"),
    "paper.now": ("What the ledger says of it now", "账本的当前记录"),
    "paper.says": ("The paper says", "单据内容"),
    "paper.as_of": ("As of", "截至"),
    "paper.height": ("height", "高度"),
    "paper.filling": ("Filling", "装载次序"),
    "paper.open": ("goods are inside", "内有货物"),
    "paper.closed": ("emptied", "已清空"),
    "paper.events": ("Events of this filling", "本次装载的事件"),
    "paper.digest": ("Digest of the contents", "内容摘要"),
    "paper.contents": ("Inside", "内含"),
    "paper.check": ("Checking the paper", "核验单据"),
    "paper.check_text": (
        "Put what was scanned into a file, and run this on a computer that has the members’ keys. It needs no network.",
        "将扫描所得存入文件，在存有成员密钥的计算机上运行以下命令，无需网络。",
    ),
    "paper.scanned": ("What was scanned:", "扫描内容："),
    "paper.unreadable": ("This code cannot be read", "无法读取该编码"),
    "paper.unreadable_text": (
        "It looks like a compact proof and is none that can be read. Scan it again; nothing is said about the goods.",
        "它看似紧凑证明但无法读取。请重新扫描；本站对货物不作任何说明。",
    ),
    "paper.elsewhere": ("A code of another ledger", "属于其他账本的编码"),
    "paper.elsewhere_text": (
        "It is about a container on another ledger than this one. Nothing is said about it here.",
        "该编码所涉容器属于另一账本，本站不作任何说明。",
    ),
    # --- problems ---
    "problem.not_found": ("There is no such page", "没有该页面"),
    "problem.not_found_text": (
        "The address is not one of this site. Start from the home page, or scan the code again.",
        "该网址不属于本站。请从首页开始，或重新扫描编码。",
    ),
    "problem.bad": ("This address cannot be read", "无法识别该网址"),
    "problem.bad_text": ("Part of the address is not well formed.", "网址的一部分格式不正确。"),
    "problem.unavailable": ("Not available right now", "暂时不可用"),
    "problem.unavailable_text": ("Please try again in a moment.", "请稍后再试。"),
}
