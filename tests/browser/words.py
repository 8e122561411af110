"""Words that are hard to show."""

LONG = "Supercalifragilisticexpialidocious_Supercalifragilisticexpialido"
CHINESE = "星际迷航：无尽的冒险与传说之旅（豪华典藏版）"
