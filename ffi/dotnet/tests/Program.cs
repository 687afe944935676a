// Runs every public method of every class whose name ends in `Tests`, or measures. In place of a
// test framework, which this runtime could not have without a registry of .NET.
using System;
using System.Linq;
using System.Reflection;

namespace Highwater.Tests
{
    internal static class Program
    {
        private static int Main(string[] arguments)
        {
            if (arguments.SequenceEqual(new[] { "cost" })) return Cost.Print();
            int run = 0;
            int failed = 0;
            foreach (Type type in typeof(Program).Assembly.GetTypes().Where(type => type.Name.EndsWith("Tests")))
            {
                const BindingFlags Own = BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly;
                foreach (MethodInfo test in type.GetMethods(Own))
                {
                    run++;
                    try
                    {
                        test.Invoke(Activator.CreateInstance(type), null);
                    }
                    catch (TargetInvocationException error)
                    {
                        failed++;
                        Console.Error.WriteLine(type.Name + "." + test.Name + ": " + error.InnerException);
                    }
                }
            }
            Console.WriteLine("dotnet: " + (run - failed) + " passed, " + failed + " failed");
            return run > 0 && failed == 0 ? 0 : 1;
        }
    }
}
