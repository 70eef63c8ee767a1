"""Reads documents, by a package that is not there."""

import a_package_that_is_nowhere  # noqa: F401
from framework.tool import Tool


class DocumentQueryTool(Tool):
    pass
