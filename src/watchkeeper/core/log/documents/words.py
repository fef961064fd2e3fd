"""Words of headings and labels: chapters that are no entries, sections of entries, labels of one line."""

from __future__ import annotations

import re

GUIDES = re.compile(
    r"\b(?:template|example|sample|best practices?|guidelines?|how to (?:use|log|write|add|read)|when to log|what to log|"
    r"format|formatting|conventions?|instructions?|usage|retention|severity (?:levels?|definitions?|guide)|legend|"
    r"(?:status|severity|type|emoji|log) (?:codes?|legend|key|icons?|types?|categories)|table of contents|contents|toc|"
    r"index|about this|purpose|scope|rules|policy|glossary|see also|references?|related documents?|quick links|links|"
    r"(?:document|revision|version|change) history|contacts?|inventory|appendix|quick reference|cheat ?sheet|"
    r"maintenance of this|archive policy|archiving|entry structure|required fields|naming|checklist)\b"
    r"|テンプレート|記入例|書き方|記録方法|凡例|目次|運用ルール|記載ルール|フォーマット|様式|重大度|保存期間|保管|参考|関連資料|改訂履歴|はじめに"
    r"|模板|范例|範例|示例|说明|說明|格式|目录|目錄|规范|規範|最佳实践|最佳實踐|使用方法|记录方法|如何记录|级别定义|保留策略|参考|附录|图例|修订记录"
    r"|템플릿|예시|작성법|작성 방법|작성 규칙|목차|형식|범례|보존|참고|가이드|규칙|개정 이력",
    re.IGNORECASE,
)
"""Chapters that tell how the log is kept, or stand beside it."""
PLACEHOLDER = re.compile(
    r"YYYY|20XX|XXXX|\bDD[-/.]MM\b|\bMM[-/.]DD\b|\bHH:MM\b|\bHHMM\b|[<\[{]\s*(?:date|time|"
    r"title|short title|timestamp|datum|日期|时间|標題|标题|日付|タイトル|날짜|"
    r"제목)(?![A-Za-z])[^\n]{0,30}[>\]}]|年月日$|yyyy",
    re.IGNORECASE,
)
SECTIONS = re.compile(
    r"^\W*(?:(?:section|step|phase|part|task|issue|test|stage|option)s?\b[ #:]*\w{0,6}\b.*|.*\b(?:what|why|how) .*|"
    r"(?:summary|overview|background|context|details?|description|changes?|changes made|what changed|problem|issue|"
    r"symptoms?|impact|root causes?|causes?|reason|solution|fix(?: applied)?|resolution|actions?(?: taken)?|procedure|"
    r"implementation|steps?|verification|validation|testing|tests?(?: results?)?|results?|metrics|evidence|timeline|"
    r"rollback(?: (?:plan|procedure))?|documentation(?: updated)?|files? (?:changed|modified|created)|modified files|"
    r"new files|lessons?(?: learned)?|follow[- ]?ups?(?: actions?)?|next(?: (?:steps?|actions?))?|action items?|todo|to do|"
    r"blockers?|progress|done|completed|in progress|pending|planned|notes?|comments?|questions?|risks?|"
    r"added|changed|fixed|removed|deprecated|security|improved|known issues|monitoring|configuration|components?"
    r"(?: (?:deployed|created|added))?|references?|related(?: \w+)?|links|cost|approvals?|attachments|"
    r"highlights?|morning|afternoon|evening|today|tomorrow|yesterday|learnings?|decisions?|statistics|status)\W*)$"
    r"|^\W*(?:概要|背景|詳細|内容|変更内容|問題|原因|影響|影響範囲|対応|対応内容|対策|手順|作業内容|確認|確認結果|結果|検証|備考|課題|"
    r"今後の対応|次のステップ|振り返り|切り戻し|再発防止|经过|描述|说明|原因分析|影响|影响范围|处理|处理过程|解决方案|解决办法|步骤|验证|"
    r"结果|回滚|回滚方案|后续|后续工作|备注|总结|问题|变更内容|개요|배경|내용|변경 내용|문제|"
    r"원인|영향|조치|조치 내용|절차|확인|"
    r"결과|검증|롤백|후속 조치|비고|다음 단계|교훈)\W*$",
    re.IGNORECASE,
)
"""Headings that are a part of an entry, not an entry."""

_LABELS = {
    "type": ("type", "change type", "category", "kind", "entry type", "類型", "类型", "种类", "種別",
        "種類", "分類", "分类", "유형", "종류", "구분"),
    "severity": ("severity", "priority", "impact level", "risk", "risk level", "level", "严重程度",
        "严重性", "级别", "等级", "優先級", "优先级", "重大度", "重要度", "深刻度", "緊急度", "심각도",
        "중요도", "우선순위", "등급"),
    "status": ("status", "state", "outcome", "状态", "狀態", "状態", "ステータス", "状況", "상태", "진행상태"),
    "operator": (
        "operator", "performed by", "executed by", "author", "by", "who", "engineer", "owner", "actor",
            "user", "person", "assignee", "responsible", "done by", "logged by", "reported by", "agent",
            "operators", "created by",
        "操作人", "操作员", "执行人", "负责人", "負責人", "作業者", "担当", "担当者", "実施者", "記録者",
            "작업자", "담당자", "담당", "수행자", "작성자",
    ),
    "date": (
        "date", "date/time", "datetime", "date & time", "date and time", "when", "timestamp", "occurred",
            "occurred at", "日期", "时间日期", "日付", "日時", "実施日", "実施日時", "作業日", "作業日時",
            "発生日時", "날짜", "일시", "작업일", "작업일시", "日期时间", "发生时间", "操作时间", "执行时间",
    ),
    "time": ("time", "start time", "started", "start", "started at", "begin", "time window", "window",
        "时间", "時間", "開始", "開始時刻", "时刻", "時刻", "시간", "시각", "시작", "开始时间", "开始"),
    "end": ("end", "end time", "ended", "ended at", "finished", "completed at", "结束时间", "结束", "終了", "終了時刻", "종료"),
    "title": ("title", "subject", "summary", "标题", "標題", "主题", "件名", "題名", "タイトル", "제목"),
}  # fmt: skip
MEANING = {label: meaning for meaning, labels in _LABELS.items() for label in labels}
"""Folded label to what it means: type, severity, status, operator, date, time, end, title."""
NAMES = {"type": "Type", "severity": "Severity", "status": "Status", "operator": "Operator"}
ONE_LINE = frozenset(
    """reviewed by|approved by|approved for production|created by|location|server|host|hosts|component|components|duration|cost
    |availability impact|handed off to|handed over to
    |environment|service|services|system|systems|downtime|ticket|issue|pr|pull request
    |commit|version|branch|related|related issues|tags
    |reviewer|approver|module|module location|module log|implementation time|url|site|region
    |cluster|project|team|entry|corrects|facts|command|id|change id|reference|incident|run
    |场所|服务器|主机|环境|耗时|审核人|审批人|批准人|复核人|系统|组件|地点|影响时间|サーバー|サーバ|対象|対象サーバ|環境|承認者|確認者|所要時間|場所
    |서버|환경|승인자|검토자|소요 시간|소요시간|위치|대상""".replace("\n", "")
    .replace("    ", "")
    .split("|")
) - {""}
"""Labels whose value is one line also behind sections."""


def folded(label: str) -> str:
    """A label as it is compared."""
    return " ".join(label.strip(" *_`:：#").split()).casefold()


def meaning(label: str) -> str:
    """What a label means: type, severity, status, operator, date, time, end, title, or "" for another."""
    return MEANING.get(folded(label), "")


def is_known(label: str) -> bool:
    """Whether a bare word before a colon is a label that logs use."""
    name = folded(label)
    return name in MEANING or name in ONE_LINE
