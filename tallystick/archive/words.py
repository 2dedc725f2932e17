"""The README in an archive, for a reader in ten years who has this file and nothing else. Part of the format.

English and Chinese say the same. What follows from the manifest is filled in, so that a verifier makes the same text.
"""

from __future__ import annotations

from tallystick.archive import names
from tallystick.archive.manifest import (
    Audience,
    HeightsScope,
    ItemsScope,
    Manifest,
    ReceivableScope,
)
from tallystick.epcis import format_timestamp

_ENGLISH = """\
What this file is
=================

An extract of a ledger that the members of a trading network kept together. Each of them ran a computer (a
node) that checked every entry; what is in here was signed by a quorum of these nodes. Nobody needs the
network, its members or any website to check it: only this file, and the number of the ledger from somebody
you trust.

  network            {network}
  ledger (chain id)  {chain_id}
  as of height       {height}
  as of time         {time}
  scope              {scope}
  contents           {audience}

How to check it
===============

1. Get the chain id above from a source that you trust and that is not this file: a contract, a court's file,
   a member of the network, a print of those days. Whoever made up this file could have made up the number too.
2. With the tallystick program: tallystick verify ARCHIVE --genesis CHAIN_ID
3. Without it: docs/spec of that program says every format; the hashes are SHA-256, the signatures Ed25519
   (RFC 8032), the trees RFC 6962. The chain id is SHA-256 of the byte 22 hex and genesis.bin. genesis.bin names the
   first validators, the files in epochs/ lead from each set of validators to the next, and every proof in here
   carries a header with a quorum of their signatures.

What is in it
=============

manifest.json    what there is, with the SHA-256 of each file
genesis.bin      the founding document of the ledger; MessagePack
epochs/          one file for each change of validators, in order; MessagePack
keys.json        validators, organisations and their keys, with the heights in which each key was valid
items/           proofs of things (serials, lots, containers) with their whole histories; JSON
records/         proofs of single records, or that there is none; JSON
receivable.json  proof of a claim with every lien on it; JSON
blocks/          proofs of blocks; JSON
heads/           what was signed for in a block, without contents; MessagePack
transactions/    public parts of an organisation's events; MessagePack
receipts/        proofs of what became of a transaction; JSON
contents/, payloads/, event-halves/, record-halves/    what only members may see; MessagePack

Folders that this scope does not need are not there.

What is proven, and what is not
===============================

Proven is what was recorded, by whom, and that the scope is whole: no event of it was left out or changed.
Not proven is that what was recorded is true of the goods: it is the word of whoever signed it. Nothing in here says
what happened after the time above.
"""

_CHINESE = """\
这是什么文件
============

本文件是一个贸易网络各成员共同维护的账本的摘录。每个成员都运行一台计算机（节点），核对每一条记录；
本文件的内容由足够多的节点签署。核对它不需要该网络、其成员或任何网站，只需要本文件，
以及从您信任的人那里得到的账本编号。

  网络          {network}
  账本（链标识）{chain_id}
  截至高度      {height}
  截至时间      {time}
  范围          {scope}
  内容          {audience}

如何核对
========

1. 请从您信任且并非本文件的来源取得上述链标识：合同、法院案卷、网络成员或当时的印刷品。
   伪造本文件的人同样可以伪造这个编号。
2. 使用 tallystick 程序：tallystick verify ARCHIVE --genesis CHAIN_ID
3. 没有该程序时：其 docs/spec 说明了每一种格式；哈希为 SHA-256，签名为 Ed25519（RFC 8032），
   树为 RFC 6962。链标识是字节 22（十六进制）加 genesis.bin 的 SHA-256。genesis.bin 列出最初的验证者，
   epochs/ 中的文件从每一组验证者引向下一组，本文件中的每个证明都带有由其中足够多者签名的区块头。

包含什么
========

manifest.json    文件清单及各文件的 SHA-256
genesis.bin      账本的创始文件；MessagePack
epochs/          验证者每次变更各一个文件，按顺序；MessagePack
keys.json        验证者、组织及其密钥，以及每个密钥有效的高度
items/           物品（序列号、批次、容器）及其完整历史的证明；JSON
records/         单条记录存在或不存在的证明；JSON
receivable.json  应收款及其全部质权的证明；JSON
blocks/          区块的证明；JSON
heads/           区块中所签署的内容（不含正文）；MessagePack
transactions/    某组织事件的公开部分；MessagePack
receipts/        交易结果的证明；JSON
contents/、payloads/、event-halves/、record-halves/    仅限成员查看的内容；MessagePack

本范围不需要的文件夹不会出现。

证明了什么，没有证明什么
========================

已证明：记录了什么、由谁记录，以及范围是完整的：其中没有事件被遗漏或更改。
未证明：所记录的内容与货物的实际情况相符；那只是签署者的陈述。本文件不说明上述时间之后发生的任何事情。
"""

_AUDIENCES = {
    Audience.PUBLIC: ("what anybody may see; members' halves are not in it", "任何人可见的内容；不含仅限成员的部分"),
    Audience.MEMBERS: (
        "what members may see: CONFIDENTIAL, give it only to those who may",
        "仅限成员的内容：保密，只可交给有权查看者",
    ),
}


def readme(manifest: Manifest) -> dict[str, bytes]:
    """The README members, English and Chinese."""
    texts = {}
    for index, (name, template) in enumerate(((names.README_ENGLISH, _ENGLISH), (names.README_CHINESE, _CHINESE))):
        text = template.format(
            network=manifest.network,
            chain_id=manifest.chain_id,
            height=manifest.height,
            time=format_timestamp(manifest.time_ms),
            scope=scope_words(manifest)[index],
            audience=_AUDIENCES[manifest.audience][index],
        )
        texts[name] = text.encode()
    return texts


def scope_words(manifest: Manifest) -> tuple[str, str]:
    """What an archive is about, in English and Chinese."""
    scope = manifest.scope
    if isinstance(scope, ItemsScope):
        listed = ", ".join(scope.identifiers)
        return (
            f"{listed}, with what belongs to it, to depth {scope.depth}",
            f"{listed} 及其相关物品，深度 {scope.depth}",
        )
    if isinstance(scope, ReceivableScope):
        goods = f"; {', '.join(scope.identifiers)} to depth {scope.depth}" if scope.identifiers else ""
        return f"receivable {scope.obligation}{goods}", f"应收款 {scope.obligation}{goods.replace('to depth', '深度')}"
    period = f"{scope.from_height}-{scope.to_height}"
    if isinstance(scope, HeightsScope):
        return f"all blocks of heights {period}", f"高度 {period} 的全部区块"
    return (
        f"every transaction of {scope.organisation} in heights {period}",
        f"{scope.organisation} 在高度 {period} 的全部交易",
    )
