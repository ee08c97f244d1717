import { arity, command } from '../command.ts';
import { SCRIPTS } from '../completion/scripts.ts';
import { ExitError } from '../errors.ts';

export const completion = command({
  usage: 'bash|zsh|fish',
  arity: arity.exactly(1),
  options: {},
  description:
    'Commands, options and their values are completed, and names of containers, images, networks, volumes,\ncontexts and compose services.',
  examples: [
    ['bash, now and in each new shell', "echo 'source <(wharf completion bash)' >> ~/.bashrc && source ~/.bashrc"],
    ['zsh', "echo 'source <(wharf completion zsh)' >> ~/.zshrc"],
    ['fish', 'wharf completion fish > ~/.config/fish/completions/wharf.fish'],
  ],
  async run({ args: [shell = ''] }, context) {
    if (!Object.hasOwn(SCRIPTS, shell)) {
      throw new ExitError(`unknown shell "${shell}": there is completion for bash, zsh and fish`, 1);
    }
    await context.print(SCRIPTS[shell as keyof typeof SCRIPTS]);
    return 0;
  },
});
