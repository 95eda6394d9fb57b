"""Drives Apache Libcloud's Equinix Metal driver against a lab: HOST PORT TOKEN PROJECT KEY. Prints JSON lines of what it saw."""

import json
import sys
import time

from libcloud.compute.drivers.equinixmetal import EquinixMetalConnection, EquinixMetalNodeDriver
from libcloud.compute.types import NodeState

host, port, token, project, key = sys.argv[1:]


class LabConnection(EquinixMetalConnection):
    """A connection to the lab, whatever the driver asks for."""

    def __init__(self, key, *_, **__):
        super().__init__(key, secure=False, host=host, port=int(port))


class LabDriver(EquinixMetalNodeDriver):
    connectionCls = LabConnection


def say(**what):
    print(json.dumps(what), flush=True)


driver = LabDriver(token, project=project)
say(projects=[p.id for p in driver.projects])
location = [one for one in driver.list_locations() if one.extra["code"] == "ny5"][0]
size = [one for one in driver.list_sizes() if one.id == "c3.small.x86"][0]
image = [one for one in driver.list_images() if one.id == "custom_ipxe"][0]


def find(node):
    found = [one for one in driver.ex_list_nodes_for_project(project) if one.id == node.id]
    return found[0] if found else None


def wait_for(node, state):
    for _ in range(600):
        found = find(node)
        if (found.state if found else None) == state:
            return found
        time.sleep(0.1)
    raise SystemExit("%s is not %s" % (node.id, state))


node = driver.create_node("libcloud", size, image, location, cloud_init="#!ipxe\nsleep 600", customdata={"a": 1})
node = wait_for(node, NodeState.RUNNING)
say(name=node.name, public=node.public_ips, private=node.private_ips, plan=node.extra["plan"])
driver.ex_update_node(node, hostname="renamed", locked=True, tags=["x"])
say(renamed=find(node).name, locked=find(node).extra["locked"])
driver.ex_update_node(node, locked=False)
driver.reboot_node(node)
node = wait_for(node, NodeState.RUNNING)
driver.stop_node(node)
node = wait_for(node, NodeState.STOPPED)
driver.start_node(node)
node = wait_for(node, NodeState.RUNNING)
say(events=[one["body"] for one in driver.ex_list_events_for_node(node, per_page=50)["events"]])

pair = driver.create_key_pair("libcloud", key)
say(key=pair.public_key, listed=pair.name in [one.name for one in driver.list_key_pairs()])
say(key_deleted=driver.delete_key_pair(pair))
say(keys=[one.extra["label"] for one in driver.list_key_pairs()])

driver.destroy_node(node)
wait_for(node, None)
say(nodes=len(driver.ex_list_nodes_for_project(project)))
