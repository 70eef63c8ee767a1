"""The stand-in's configurations are JSON, which is YAML too."""

import json

loads = json.loads
