"""Notifies."""

from agent import AgentContext
from framework.notification import NotificationPriority, NotificationType
from framework.tool import Response, Tool


class NotifyUserTool(Tool):
    async def execute(self, **kwargs):
        AgentContext.get_notification_manager().add_notification(
            message=self.args["message"],
            title=self.args.get("title", ""),
            type=NotificationType(self.args.get("type", "info")),
            priority=NotificationPriority(self.args.get("priority", 20)),
        )
        return Response("It was said.", False)
