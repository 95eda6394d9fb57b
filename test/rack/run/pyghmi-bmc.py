# The BMC of a machine, made of pyghmi's Bmc class: an IPMI implementation that shares nothing with ipmi_sim.
# pyghmi-bmc.py PORT WIRES [TTY]: WIRES is the program that works the machine's wires, TTY its serial line; the password is in BMC_PASSWORD.
import os
import subprocess
import sys
import threading
import tty

import pyghmi.ipmi.bmc as bmc

port, wires, line = (sys.argv + [""])[1:4]


class Machine(bmc.Bmc):
    def __init__(self):
        super().__init__({'admin': os.environ['BMC_PASSWORD']}, port=int(port), address='::ffff:127.0.0.1')
        if line:
            self.line = os.open(line, os.O_RDWR | os.O_NOCTTY)
            tty.setraw(self.line)
            threading.Thread(target=self.read_line, daemon=True).start()

    def tell(self, *words):
        return subprocess.run([wires, *words], check=True, capture_output=True, text=True).stdout

    def get_power_state(self):
        return self.tell('status').strip()

    def power_on(self):
        self.tell('set', 'power', '1')

    def power_off(self):
        self.tell('set', 'power', '0')

    def power_reset(self):
        self.tell('set', 'reset', '1')

    def power_shutdown(self):
        self.tell('set', 'shutdown', '1')

    def get_boot_device(self):
        boot = self.tell('get', 'boot').strip().split(':')[1]
        return {'pxe': 'network'}.get(boot, 'default')

    def set_boot_device(self, device):
        self.tell('set', 'boot', 'pxe' if device == 'network' else 'none')

    def is_active(self):
        return True

    def read_line(self):
        while True:
            data = os.read(self.line, 200)
            if self.sol is not None:
                self.sol.send_data(data)

    def iohandler(self, data):
        if isinstance(data, bytes):
            os.write(self.line, data)


Machine().listen()
