# A BMC by pyghmi: what is typed into its console comes back in brackets. Arguments: port, user; the password is in BMC_PASSWORD.
import os
import sys

import pyghmi.ipmi.bmc as bmc


class Machine(bmc.Bmc):
    power = 'off'

    def get_power_state(self):
        return self.power

    def power_on(self):
        self.power = 'on'

    def power_off(self):
        self.power = 'off'

    def is_active(self):
        return True

    def iohandler(self, data):
        if self.sol is not None:
            self.sol.send_data(b'<' + bytes(data) + b'>')


port, user = int(sys.argv[1]), sys.argv[2]
Machine({user: os.environ['BMC_PASSWORD']}, port=port, address='::ffff:127.0.0.1').listen()
