"""One file that verifies proofs from disk: the verifier's scripts, its style and its words, nothing fetched.

The modules are joined into one script in the order of their imports; its hash and that of the style stand in the page's
own content security policy, which forbids everything else, so the page cannot send anything anywhere.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from typing import Any

from explorer.assets import STATIC
from explorer.texts import TEXTS as TEXTS_OF_PAGES
from tallystick.proofs import WORDS as CODES
from tallystick.reasons import Reason

MODULES = (
    "encoding.js",
    "hashing.js",
    "binding.js",
    "epochs.js",
    "verify.js",
    "single.js",
    "chain.js",
    "receivable.js",
    "evidence.js",
    "offline.js",
)
_IMPORT = re.compile(r"^import (\{[^}]*\}) from '\./([a-z]+\.js)';\n", re.MULTILINE)
_DYNAMIC = re.compile(r"import\('\./([a-z]+\.js)'\)")
_EXPORT = re.compile(r"^export (?:async )?(?:function|const|class) (\w+)", re.MULTILINE)
_EXPORT_LIST = re.compile(r"^export \{([^}]*)\};\n", re.MULTILINE)

# English and Chinese.
TEXTS: dict[str, tuple[str, str]] = {
    "title": ("Check a proof, offline", "离线验证证明"),
    "intro": (
        "This page works from your disk. It asks no server and sends nothing. Get it, and the trust file, from "
        "somebody whom you trust; a proof may come from anybody.",
        "本页面在您的磁盘上运行，不访问任何服务器，也不发送任何内容。"
        "请从您信任的人处取得本页面和信任文件；证明可来自任何人。",
    ),
    "trustLabel": ("Trust file: the ledger and the nodes that you accept", "信任文件：您认可的账本与节点"),
    "proofLabel": ("Proof", "证明"),
    "subjectLabel": (
        "What it should be about (optional): identifier, height, id",
        "应针对的对象（可选）：标识、高度或编号",
    ),
    "verify": ("Verify", "验证"),
    "noTrust": (
        "Choose a trust file first; without one, nothing can be proven.",
        "请先选择信任文件；没有它，任何内容都无法证明。",
    ),
    "compact": (
        "This is a compact proof, a code from paper. No browser can check its signature; "
        "put it into a file and run: tallystick verify FILE",
        "这是紧凑证明，即纸质编码。浏览器无法核验其签名；请将其存入文件并运行：tallystick verify FILE",
    ),
    "kind": ("Kind", "种类"),
    "kind.item": ("history of a thing", "物品的历史"),
    "kind.event": ("one event", "单个事件"),
    "kind.record": ("one record", "单条记录"),
    "kind.block": ("one block", "单个区块"),
    "kind.receipt": ("what became of a transaction", "交易的结果"),
    "kind.receivable": ("receivable", "应收款"),
    "kind.evidence": ("a node that contradicted itself", "自相矛盾的节点"),
    "about": ("About", "对象"),
    "asOf": ("As of", "截至"),
    "height": ("height", "高度"),
    "earlier": ("An earlier state; the newest known here is of", "较早的状态；此处已知的最新状态为"),
    "signedBy": ("Signed by", "签署者"),
    "took": ("Checked here in", "本地验证用时"),
    "recall": ("RECALL", "召回"),
    "recallLifted": ("Recall, lifted", "召回（已解除）"),
    "event": ("Event", "事件"),
    "wrongEvent": ("Event, declared erroneous", "事件（已声明为错误）"),
    "missing": ("Not shown", "未展示"),
    "record": ("Public half", "公开部分"),
    "absent": ("there is no such record", "没有此记录"),
    "block": ("Block hash", "区块哈希"),
    "state": ("State root", "状态根"),
    "outcome": ("Outcome", "结果"),
    "owes": ("Owed", "应付"),
    "minor": ("minor units", "最小货币单位"),
    "claim": ("Claims", "权利主张"),
    "onlyClaim": ("confirmed; no other obligation under this invoice number", "已确认；该发票号下没有其他应付义务"),
    "unconfirmed": ("not confirmed by the debtor yet", "债务人尚未确认"),
    "slice": ("Slice", "份额"),
    "liens": ("Liens held by", "质权持有人"),
    "guilty": ("Contradicted itself", "自相矛盾者"),
    "where": ("Epoch, view", "纪元、视图"),
    "contradiction.1": ("two proposals", "两项提案"),
    "contradiction.2": ("two notarize votes", "两张公证票"),
    "contradiction.3": ("two finalize votes", "两张终局票"),
    "contradiction.4": ("a nullify and a finalize vote", "一张作废票与一张终局票"),
    "recorded": ("On the ledger since height", "自该高度起记入账本"),
    "unrecorded": ("not on the ledger", "未记入账本"),
    "noLien": ("nobody holds a lien", "无人持有质权"),
}


def offline_page(trust: dict[str, Any] | None = None) -> str:
    """The page as HTML.

    Args:
        trust: the contents of a trust file to build in; None leaves the choice to the reader.
    """
    script = joined_script({name: (STATIC / name).read_text() for name in MODULES})
    style = (STATIC / "site.css").read_text() + _STYLE
    data = {
        "words": TEXTS,
        "codes": {str(code): words for code, words in CODES.items()},
        "reasons": {
            int(reason): [f"{words} [{reason.name}]" for words in TEXTS_OF_PAGES[f"reason.{reason.name}"]]
            for reason in Reason
        },
        "steps": {key.removeprefix("step."): words for key, words in TEXTS_OF_PAGES.items() if key.startswith("step.")},
        "trust": trust,
    }
    shown = json.dumps(data, ensure_ascii=False, sort_keys=True).replace("<", "\\u003c")
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return _PAGE.format(policy=policy, style=style, data=shown, script=script)


def joined_script(sources: dict[str, str]) -> str:
    """Modules as one script: each a function that returns its exports, in the order given."""
    parts = ["'use strict';\nconst modules = {};"]
    for name, source in sources.items():
        exports = _EXPORT.findall(source)
        for names in _EXPORT_LIST.findall(source):
            exports += [one.strip() for one in names.split(",")]
        body = _IMPORT.sub(r"const \1 = modules['\2'];\n", source)
        body = _DYNAMIC.sub(r"Promise.resolve(modules['\1'])", _EXPORT_LIST.sub("", body))
        body = re.sub(r"^export ", "", body, flags=re.MULTILINE)
        parts.append(f"modules['{name}'] = (() => {{\n{body}\nreturn {{ {', '.join(exports)} }};\n}})();")
    return "\n".join(parts) + "\n"


def _digest(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


_STYLE = """
main.offline { max-width: 50rem; margin: 0 auto; padding: 1.25rem; }
.offline label { display: block; margin-top: 1rem; font-weight: 600; }
.offline textarea, .offline input {
  display: block; width: 100%; font: 0.875rem/1.4 ui-monospace, monospace; padding: 0.6rem;
  color: inherit; background: var(--card); border: 1px solid var(--soft); border-radius: 8px; margin-bottom: 0.5rem;
}
.offline input[type=file] { font: inherit; }
.offline button { margin: 1rem 0; }
.offline #language { float: right; margin: 0 0 0.5rem 1rem; }
.offline h1 + p { clear: right; }
.offline dt { font-weight: 600; margin-top: 0.5rem; }
.offline .alarm { color: var(--bad); font-weight: 700; font-size: 1.05rem; }
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Check a proof, offline</title>
<style>{style}</style>
</head>
<body>
<main class="offline">
<button type="button" class="button quiet" id="language">中文</button>
<h1 data-t="title"></h1>
<p data-t="intro"></p>
<label for="trust" id="trust-label" data-t="trustLabel"></label>
<input type="file" id="trust-file" accept=".json,application/json" aria-labelledby="trust-label">
<textarea id="trust" rows="4" spellcheck="false"></textarea>
<label for="proof" id="proof-label" data-t="proofLabel"></label>
<input type="file" id="proof-file" accept=".json,application/json" aria-labelledby="proof-label">
<textarea id="proof" rows="6" spellcheck="false"></textarea>
<label for="subject" data-t="subjectLabel"></label>
<input type="text" id="subject" spellcheck="false" autocomplete="off">
<button type="button" id="verify" data-t="verify"></button>
<section id="verdict" class="verdict" role="status" aria-live="polite" hidden>
<p><span class="mark" aria-hidden="true"></span> <strong></strong></p>
<dl id="facts"></dl>
<p id="detail"></p>
</section>
</main>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""
