"""Kinds of notifications."""

from enum import Enum


class NotificationType(Enum):
    INFO = "info"
    ERROR = "error"


class NotificationPriority(Enum):
    NORMAL = 10
    HIGH = 20
